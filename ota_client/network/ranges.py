"""Ranges of large files: over new connections when one breaks, forward through one answer if need be.

A server that knows Range is asked for what is missing and no more. One that ignores it answers with the
whole file each time: that answer is then kept, and read forward through the ranges that follow.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Protocol

from ota_client.errors import ConnectionLostError, FetchError
from ota_client.network.answer import Answer
from ota_client.network.attempts import Attempts
from ota_client.network.portal import check_portal
from ota_client.network.urls import shown_url
from ota_client.network.wire_guard import PIECE_MOST_BYTES, WireGuard

_log = logging.getLogger(__name__)


class Line(Protocol):
    """What ranges ask of the session that carries them."""

    def ask(self, url: str, headers: dict[str, str], guard: WireGuard, *, most_bytes: int) -> Answer:
        """Send a request; the answer is the caller's to close."""

    def guard(self, url: str) -> WireGuard:
        """A guard for one range."""

    def attempts(self, guard: WireGuard) -> Attempts:
        """Attempts for one range."""

    def hang_up(self) -> None:
        """Forget all connections: the next one looks the host up again."""

    def check_daily_limit(self, needed_bytes: int) -> None:
        """Refuse what the day's allowance has no room for."""


class _Stream:
    """An answer that is read forward.

    Attributes:
        at: where in the file the next byte lies.
        whole: the server ignored Range.
    """

    def __init__(self, url: str, answer: Answer, guard: WireGuard, *, at: int, whole: bool) -> None:
        self.url, self.answer, self.guard, self.at, self.whole = url, answer, guard, at, whole

    def read(self, most_bytes: int, *, at_once: bool = True) -> bytes:
        piece = self.answer.read(most_bytes, at_once=at_once)
        self.at += len(piece)
        return piece

    def skip_to(self, offset: int) -> None:
        while self.at < offset:
            if not self.read(min(offset - self.at, PIECE_MOST_BYTES)):
                raise FetchError(f"{self.answer.url}: expected {offset} bytes or more, got {self.at}")


class Ranges:
    """Opens ranges one after the other, and remembers an answer that goes on."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._kept: _Stream | None = None

    def close(self) -> None:
        """Let go of an answer that was kept."""
        if self._kept is not None:
            self._kept.answer.close()
            self._kept = None

    @contextmanager
    def open(self, url: str, start: int, stop: int) -> Iterator["RangeBody"]:
        """Open the bytes from ``start`` up to, not including, ``stop``."""
        kept, self._kept = self._kept, None
        if kept is not None and (kept.url != url or kept.at > start):
            kept.answer.close()
            kept = None
        body = RangeBody(self._line, url, start, stop, kept)
        try:
            self._line.check_daily_limit(1)
            body.connect()
            yield body
            self._kept = body.release()
        finally:
            body.close()


class RangeBody:
    """The bytes of one range, read in pieces of known size.

    Args:
        line: carries requests.
        start, stop: of the range in the file.
        stream: an answer to go on with; None to ask for one.
    """

    def __init__(self, line: Line, url: str, start: int, stop: int, stream: _Stream | None) -> None:
        self._line, self._url, self._stream = line, url, stream
        self._start, self._at, self._stop = start, start, stop
        if stream is not None:
            stream.guard.go_on(2 * (stop - stream.at))
        self._guard = stream.guard if stream else line.guard(url)
        self._attempts = line.attempts(self._guard)
        # A line that breaks more often than a frame comes through would bring nothing at all.
        self._at_once = True

    def read(self, size_bytes: int) -> bytes:
        """Read exactly ``size_bytes``.

        Raises:
            FetchError: no connection brings anything, the body ended early, or less is left than asked.
        """
        if size_bytes > self._stop - self._at:
            raise FetchError(
                f"{shown_url(self._url)}: expected {size_bytes} bytes, "
                f"got only {self._stop - self._at} left of the range"
            )
        # Here, and not at each byte: a frame that is begun is not thrown away.
        self._line.check_daily_limit(1)
        end, pieces = self._at + size_bytes, []
        while self._at < end:
            pieces.append(self._piece(end - self._at))
        # A single one is not copied.
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def connect(self) -> None:
        """See to it that there is an answer that stands at the next byte.

        Raises:
            FetchError: there is none.
        """
        while True:
            try:
                self._connected()
            except ConnectionLostError as e:
                self._again(e)
            else:
                return

    def release(self) -> _Stream | None:
        """Give the answer away, if it goes on after the range."""
        if self._stream is None or not self._stream.whole:
            return None
        stream, self._stream = self._stream, None
        return stream

    def close(self) -> None:
        """Close what is open."""
        if self._stream is not None:
            self._stream.answer.close()
            self._stream = None

    def _piece(self, most_bytes: int) -> bytes:
        while True:
            try:
                piece = self._connected().read(most_bytes, at_once=self._at_once)
            except ConnectionLostError as e:
                self._again(e)
                continue
            if not piece:
                raise FetchError(
                    f"{shown_url(self._url)}: expected {most_bytes} more bytes, got the end"
                )
            self._attempts.progressed()
            self._at += len(piece)
            return piece

    def _connected(self) -> _Stream:
        if self._stream is None:
            self._stream = self._ask()
        if self._stream.at < self._at:
            # One that cannot come past what is here already would spend each day's allowance anew.
            self._line.check_daily_limit(self._at - self._stream.at + 1)
            self._stream.skip_to(self._at)
        return self._stream

    def _again(self, e: ConnectionLostError) -> None:
        self.close()
        self._line.hang_up()
        self._at_once = False
        got, size = self._at - self._start, self._stop - self._start
        self._attempts.again(e, f"; got {got} of {size} bytes; what is written stays")

    def _ask(self) -> _Stream:
        headers = {"Range": f"bytes={self._at}-{self._stop - 1}"}
        answer = self._line.ask(self._url, headers, self._guard, most_bytes=self._stop)
        try:
            check_portal(answer)
            return self._stream_of(answer)
        except BaseException:
            answer.close()
            raise

    def _stream_of(self, answer: Answer) -> _Stream:
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            answer.check_content_range(self._at, self._stop)
            return _Stream(self._url, answer, self._guard, at=self._at, whole=False)
        if answer.status != HTTPStatus.OK:
            raise answer.status_error(HTTPStatus.PARTIAL_CONTENT)
        self._tell_of_whole_file(answer)
        return _Stream(self._url, answer, self._guard, at=0, whole=True)

    def _tell_of_whole_file(self, answer: Answer) -> None:
        size = answer.content_length()
        _log.warning(
            "%s: the server ignores Range requests: it sends the whole file, %s bytes, for the %d that "
            "are asked for; a download that is resumed costs all of it again",
            answer.url,
            "unknown" if size is None else size,
            self._stop - self._at,
        )
