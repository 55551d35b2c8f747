"""What a server may cost a device: a minimum rate, a deadline, a most number of bytes (A15, A16).

A socket timeout alone is not enough: one byte just before each timeout keeps a device busy for weeks.
"""

import time
from collections import deque
from collections.abc import Callable

from ota_client.errors import ResponseTooLongError, SlowRetrievalError

Clock = Callable[[], float]

# The window is kept as about this many samples, however many reads it took.
_SAMPLES = 16


class WireGuard:
    """Counts the bytes of one answer and the seconds spent waiting for them.

    Only waiting counts: a device that is busy writing flash between two reads does not make its server
    a slow one.

    Args:
        what: names the answer in errors.
        minimum_rate_bytes_s: least rate over a window.
        window_s: seconds of waiting in a window.
        deadline_s: most seconds of waiting in all.
        most_bytes: most bytes, headers and chunk sizes included.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        what: str,
        *,
        minimum_rate_bytes_s: float,
        window_s: float,
        deadline_s: float,
        most_bytes: int,
        clock: Clock = time.monotonic,
    ) -> None:
        self.clock = clock
        self._what = what
        self._minimum_rate = minimum_rate_bytes_s
        self._window_s = window_s
        self._deadline_s = deadline_s
        self._most_bytes = most_bytes
        self._waited_s = 0.0
        self._got_bytes = 0
        self._samples: deque[tuple[float, int]] = deque([(0.0, 0)])

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
        if self._waited_s > self._deadline_s:
            raise SlowRetrievalError(
                f"{self._what}: expected to end within {self._deadline_s:g} s of waiting, "
                f"got {self._got_bytes} bytes by then"
            )
        if self._waited_s - self._samples[-1][0] >= self._window_s / _SAMPLES:
            self._check_rate()

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
