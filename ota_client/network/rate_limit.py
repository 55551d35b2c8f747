"""A limit on bytes a second, for a line that the device shares with its work."""

from collections.abc import Callable
from typing import Final

from ota_client.network.wire_guard import Clock

# What a device that was idle may fetch at once: a second's worth.
_BURST_S: Final = 1.0


class RateLimit:
    """A token bucket: each byte that came is paid for by waiting.

    Args:
        bytes_s: most bytes a second, over any while longer than a second.
        clock: monotonic seconds.
        sleep: waits so many seconds.
    """

    def __init__(self, bytes_s: int, *, clock: Clock, sleep: Callable[[float], None]) -> None:
        self._bytes_s, self._clock, self._sleep = bytes_s, clock, sleep
        self._credit_bytes = bytes_s * _BURST_S
        self._at_s = clock()

    def took(self, got_bytes: int) -> None:
        """Account for bytes that came; waits until the next ones may."""
        now_s = self._clock()
        earned = (now_s - self._at_s) * self._bytes_s
        self._credit_bytes = min(self._credit_bytes + earned, self._bytes_s * _BURST_S) - got_bytes
        self._at_s = now_s
        if self._credit_bytes < 0:
            self._sleep(-self._credit_bytes / self._bytes_s)
