"""What a server may cost a device: a minimum rate, a deadline, a most number of bytes (A15, A16).

A socket timeout alone is not enough: one byte just before each timeout keeps a device busy for weeks.
"""

import time
from collections import deque
from collections.abc import Callable

from ota_client.errors import ResponseTooLongError, SlowRetrievalError

Clock = Callable[[], float]

Toll = Callable[[int], None]
"""Told how many bytes came; counts them, makes the reader wait, or ends it by an error."""

# One read is never larger: a limit is overshot by no more than this.
PIECE_MOST_BYTES = 256 * 1024
# The window is kept as about this many samples, however many reads it took.
_SAMPLES = 16


def no_toll(_: int) -> None:
    """Bytes are free."""


class WireGuard:
    """Counts the bytes of what was asked for, over all its connections, and the seconds of waiting.

    Only waiting counts: a device that is busy writing flash between two reads does not make its server
    a slow one.

    Args:
        what: names the answer in errors.
        minimum_rate_bytes_s: least rate over a window.
        window_s: seconds of waiting in a window.
        deadline_s: most seconds of waiting in all.
        clock: monotonic seconds.
        piece_bytes: most bytes to take in one read.
        toll: what the bytes cost; the time that it takes is not the server's.
    """

    def __init__(
        self,
        what: str,
        *,
        minimum_rate_bytes_s: float,
        window_s: float,
        deadline_s: float,
        clock: Clock = time.monotonic,
        piece_bytes: int = PIECE_MOST_BYTES,
        toll: Toll = no_toll,
    ) -> None:
        self.clock = clock
        self.piece_bytes = piece_bytes
        self._what = what
        self._minimum_rate = minimum_rate_bytes_s
        self._window_s = window_s
        self._deadline_s = deadline_s
        self._toll = toll
        self._most_bytes = 0
        self._waited_s = 0.0
        self._spent_s = 0.0
        self._got_bytes = 0
        self._samples: deque[tuple[float, int]] = deque([(0.0, 0)])

    @property
    def spent_s(self) -> float:
        """Seconds that the deadline counts, so far."""
        return self._spent_s

    def allow(self, more_bytes: int) -> None:
        """Expect an answer of so many bytes, headers and chunk sizes included."""
        self._most_bytes = self._got_bytes + more_bytes

    def go_on(self, more_bytes: int) -> None:
        """Expect more of the same answer: another range, with a deadline of its own."""
        self.allow(more_bytes)
        self._spent_s = 0.0

    def spend(self, seconds: float) -> None:
        """Add time that is not waiting for bytes: to connect, and between two attempts.

        Raises:
            SlowRetrievalError: the deadline has passed.
        """
        self._spent_s += seconds
        if self._spent_s > self._deadline_s:
            raise SlowRetrievalError(
                f"{self._what}: expected to end within {self._deadline_s:g} s of waiting, "
                f"got {self._got_bytes} bytes by then"
            )

    def account(self, waited_s: float, got_bytes: int) -> None:
        """Add one read.

        Raises:
            SlowRetrievalError: the rate is too low, or the deadline has passed.
            ResponseTooLongError: more bytes than allowed.
        """
        self._waited_s += waited_s
        self._got_bytes += got_bytes
        if self._got_bytes > self._most_bytes:
            raise ResponseTooLongError(
                f"{self._what}: expected at most {self._most_bytes} bytes on the wire, got more"
            )
        self.spend(waited_s)
        if self._waited_s - self._samples[-1][0] >= self._window_s / _SAMPLES:
            self._check_rate()
        self._toll(got_bytes)

    def _check_rate(self) -> None:
        self._samples.append((self._waited_s, self._got_bytes))
        while self._waited_s - self._samples[1][0] >= self._window_s:
            self._samples.popleft()
        began_s, began_bytes = self._samples[0]
        seconds = self._waited_s - began_s
        if seconds < self._window_s:
            return
        rate = (self._got_bytes - began_bytes) / seconds
        if rate < self._minimum_rate:
            raise SlowRetrievalError(
                f"{self._what}: expected {self._minimum_rate:g} bytes a second or more "
                f"over {self._window_s:g} s, got {rate:.0f}"
            )
