"""An HTTP answer, read under bounds, with foreign errors wrapped where they enter."""

import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from ota_client.errors import FetchError, HttpStatusError, ResponseTooLongError

_PIECE_BYTES = 256 * 1024
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

    def read(self, size_bytes: int) -> bytes:
        """Read up to ``size_bytes``; none at the end.

        Raises:
            FetchError: the connection broke, or the body ended before its announced length.
        """
        try:
            return self._raw.read(size_bytes, decode_content=False)
        except FOREIGN_ERRORS as e:
            raise FetchError(f"{self.url}: broke off: {cause(e)}") from e

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
        while piece := self.read(min(_PIECE_BYTES, max_bytes + 1 - len(data))):
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


class RangeBody:
    """The bytes of a range, read in pieces of known size."""

    def __init__(self, answer: Answer, size_bytes: int) -> None:
        self._answer = answer
        self._left_bytes = size_bytes

    def read(self, size_bytes: int) -> bytes:
        """Read exactly ``size_bytes``.

        Raises:
            FetchError: the connection broke, the body ended early, or less is left than asked for.
        """
        if size_bytes > self._left_bytes:
            raise FetchError(
                f"{self._answer.url}: expected {size_bytes} bytes, "
                f"got only {self._left_bytes} left of the range"
            )
        data = self._answer.read(size_bytes)
        # Mostly it is all there at once, and no byte is copied.
        if len(data) != size_bytes:
            data = self._complete(data, size_bytes)
        self._left_bytes -= size_bytes
        return data

    def skip(self) -> None:
        """Read and throw away what is left."""
        while self._left_bytes:
            self.read(min(self._left_bytes, _PIECE_BYTES))

    def _complete(self, begun: bytes, size_bytes: int) -> bytes:
        data = bytearray(begun)
        while len(data) < size_bytes:
            piece = self._answer.read(size_bytes - len(data))
            if not piece:
                raise FetchError(
                    f"{self._answer.url}: expected {size_bytes} more bytes, got {len(data)} and the end"
                )
            data += piece
        return bytes(data)


def cause(e: BaseException) -> str:
    """The innermost reason in one line: the outer texts hold the address with its query."""
    while inner := e.__cause__ or e.__context__:
        e = inner
    if isinstance(e, ssl.SSLCertVerificationError):
        return f"certificate refused: {e.verify_message}"
    if isinstance(e, ssl.SSLError) and e.reason:
        return f"TLS: {e.reason.replace('_', ' ').lower()}"
    if isinstance(e, OSError) and e.strerror:
        return e.strerror
    return (str(e).splitlines() or [""])[0][:200] or type(e).__name__
