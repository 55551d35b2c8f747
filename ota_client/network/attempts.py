"""Trying again on a new connection, as long as it helps."""

import logging
from collections.abc import Callable
from typing import Final

from ota_client.errors import ConnectionLostError
from ota_client.network.wire_guard import WireGuard

_log = logging.getLogger(__name__)

_FIRST_WAIT_S: Final = 2.0
_LONGEST_WAIT_S: Final = 60.0


class Attempts:
    """Counts connections that brought nothing, and waits longer after each.

    Args:
        most: so many without progress, and it is given up.
        guard: bounds the time of all attempts together; waits between them count too.
        sleep: waits so many seconds.
        random: from 0 up to, not including, 1: a fleet behind one mast must not come back at once.
    """

    def __init__(
        self,
        most: int,
        guard: WireGuard,
        *,
        sleep: Callable[[float], None],
        random: Callable[[], float],
    ) -> None:
        self._most, self._guard, self._sleep, self._random = most, guard, sleep, random
        self._failed = 0

    def progressed(self) -> None:
        """Something came that had not come before."""
        self._failed = 0

    def again(self, e: ConnectionLostError, so_far: str = "") -> None:
        """Wait before the next attempt.

        Args:
            e: how the last one ended.
            so_far: what was got, for the log and the error.

        Raises:
            ConnectionLostError: it is given up.
            SlowRetrievalError: the deadline would pass.
        """
        self._failed += 1
        if self._failed >= self._most:
            raise ConnectionLostError(
                f"{e}; gave up after {self._most} attempts without progress{so_far}"
            ) from e
        longest_s = min(_FIRST_WAIT_S * 2.0 ** (self._failed - 1), _LONGEST_WAIT_S)
        wait_s = longest_s * (0.5 + self._random() / 2)
        _log.warning("%s%s; a new connection in %.1f s", e, so_far, wait_s)
        self._guard.spend(wait_s)
        self._sleep(wait_s)
