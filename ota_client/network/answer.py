"""An HTTP answer, read under bounds, with foreign errors wrapped where they enter."""

import re
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException, IncompleteRead

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.exceptions import IncompleteRead as CutShortError

from ota_client.errors import ConnectionLostError, FetchError, HttpStatusError, ResponseTooLongError
from ota_client.network.wire_guard import PIECE_MOST_BYTES

_SKIPPED_MOST_BYTES = 16 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(?:\d{1,18}|\*)", re.ASCII)
# What requests, urllib3 and the standard library let out; requests' own errors are OSErrors, but
# urllib3's escape from it in mid-stream.
FOREIGN_ERRORS = (HTTPError, HTTPException, OSError, ValueError)


class Answer:
    """What a server answered.

    Args:
        url: as errors may show it.
        status: the HTTP status.
        headers: case-insensitive.
        raw: the body, not decoded.
    """

    def __init__(self, url: str, status: int, headers: Mapping[str, str], raw: BaseHTTPResponse) -> None:
        self.url = url
        self.status = status
        self._headers = headers
        self._raw = raw
        self._peeked = b""

    def close(self) -> None:
        """Drop the connection, unless the body was read to its end."""
        self._raw.close()
        self._raw.release_conn()

    def read(self, most_bytes: int, *, at_once: bool = True) -> bytes:
        """Read what comes next, up to ``most_bytes``; none at the end.

        Args:
            most_bytes: fewer come only before the end, or else.
            at_once: wait for all of it, which is quicker. If the connection breaks, what had come of it
                is lost; otherwise nothing is, as one read of the socket either brings or breaks.

        Raises:
            ConnectionLostError: the connection broke, or the body ended before its announced length.
            FetchError: it is no HTTP.
        """
        if self._peeked:
            piece, self._peeked = self._peeked[:most_bytes], self._peeked[most_bytes:]
            return piece
        outer = sys.exception()
        read = self._raw.read if at_once else self._raw.read1
        try:
            return read(most_bytes, decode_content=False)
        except FOREIGN_ERRORS as e:
            raise broken(f"{self.url}: broke off", e, outer) from e

    def peek(self) -> bytes:
        """How the body begins; ``read`` will give it again."""
        if not self._peeked:
            self._peeked = self.read(PIECE_MOST_BYTES, at_once=False)
        return self._peeked

    def read_to_end(self, max_bytes: int) -> bytes:
        """Read the whole body, never more than one byte past ``max_bytes`` (A15).

        Raises:
            ResponseTooLongError: it is longer than ``max_bytes``, or announced to be.
            FetchError: as ``read``.
        """
        announced = self.content_length()
        if announced is not None and announced > max_bytes:
            raise self._too_long(max_bytes, f"{announced} announced")
        data = bytearray()
        while piece := self.read(min(PIECE_MOST_BYTES, max_bytes + 1 - len(data))):
            data += piece
            if len(data) > max_bytes:
                raise self._too_long(max_bytes, "more")
        return bytes(data)

    def skip_if_short(self) -> None:
        """Read a short body away, so that its connection is used again.

        A device asks for the next root at each check and mostly gets a 404: closing on it would cost
        the fleet a second TLS handshake a check.
        """
        length = self.content_length()
        if length is not None and length <= _SKIPPED_MOST_BYTES:
            with suppress(FetchError):
                self.read_to_end(length)

    def _too_long(self, max_bytes: int, got: str) -> ResponseTooLongError:
        return ResponseTooLongError(f"{self.url}: expected at most {max_bytes} bytes, got {got}")

    def content_length(self) -> int | None:
        """The announced length in bytes, if there is a sane one."""
        text = self._headers.get("Content-Length", "")
        return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None

    def header(self, name: str) -> str:
        """A header's value; empty where there is none."""
        return self._headers.get(name, "")

    def media_type(self) -> str:
        """What the body is said to be, such as ``text/html``."""
        return self._headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def check_encoding(self) -> None:
        """Refuse a compressed body: lengths, hashes and ranges are of the bytes as stored (A32).

        Raises:
            FetchError: there is a Content-Encoding, though none was asked for.
        """
        encoding = self._headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise FetchError(f"{self.url}: expected no Content-Encoding, got {encoding[:40]!r}")

    def check_content_range(self, start: int, stop: int) -> None:
        """Refuse another range than was asked for (RFC 9110, section 14.4).

        Raises:
            FetchError: it is another.
        """
        text = self._headers.get("Content-Range", "")
        match = _CONTENT_RANGE.fullmatch(text)
        if match is None or (int(match[1]), int(match[2])) != (start, stop - 1):
            raise FetchError(
                f"{self.url}: expected Content-Range: bytes {start}-{stop - 1}/..., got {text[:80]!r}"
            )
        announced = self.content_length()
        if announced is not None and announced != stop - start:
            raise FetchError(f"{self.url}: expected {stop - start} bytes, got {announced} announced")

    def status_error(self, expected: int) -> HttpStatusError:
        """The error for a status that is not the expected one."""
        return HttpStatusError(f"{self.url}: expected status {expected}, got {self.status}", self.status)


def broken(what: str, e: Exception, outer: BaseException | None) -> FetchError:
    """Our error for a foreign one: a lost connection where a new one may help, else a plain failure.

    Args:
        what: goes before the reason.
        e: what was caught.
        outer: what a caller is handling meanwhile; Python chains it, but it is no reason of ``e``.
    """
    reason = _innermost(e, outer)
    error = ConnectionLostError if _is_lost(reason) else FetchError
    return error(f"{what}: {_said(reason)}")


def _is_lost(e: BaseException) -> bool:
    if isinstance(e, ssl.SSLError):
        # a certificate or a version stays as it is; a handshake that was cut does not
        return isinstance(e, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    system = isinstance(e, OSError) and e.errno is not None
    return system or isinstance(e, ConnectionError | TimeoutError | IncompleteRead | CutShortError)


def cause(e: BaseException) -> str:
    """The innermost reason in one line: the outer texts hold the address with its query."""
    return _said(_innermost(e, None))


def _said(e: BaseException) -> str:
    if isinstance(e, ssl.SSLCertVerificationError):
        return f"certificate refused: {e.verify_message}"
    if isinstance(e, ssl.SSLError) and e.reason:
        return f"TLS: {e.reason.replace('_', ' ').lower()}"
    if isinstance(e, OSError) and e.strerror:
        return e.strerror
    return (str(e).splitlines() or [""])[0][:200] or type(e).__name__


def _innermost(e: BaseException, outer: BaseException | None) -> BaseException:
    while (inner := e.__cause__ or e.__context__) and inner is not outer:
        e = inner
    return e
