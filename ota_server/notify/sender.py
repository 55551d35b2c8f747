"""Sends what subscriptions are to get: many at a time, each in its own order."""

import logging
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from ota_server.notify import lease
from ota_server.notify.subscription import Channel
from ota_server.notify.turn import Carrier, Surroundings, take_turn

_log = logging.getLogger(__name__)

# each holds a connection to the database for moments only; with those of requests they are fewer than
# a pool has
THREADS: Final = 6
_TOKEN_BYTES: Final = 16


class Sender:
    """Looks who has something to get, and gives each a turn in a thread.

    Args:
        around: what every turn needs; the sender's end ends turns too.
        carriers: by channel; a channel that has none is not sent.
    """

    def __init__(self, around: Surroundings, carriers: Mapping[Channel, Carrier]) -> None:
        self._ending = threading.Event()
        ends = around.is_ending
        self._around = replace(around, is_ending=lambda: self._ending.is_set() or ends())
        self._carriers = carriers
        self._threads = ThreadPoolExecutor(THREADS, "notify")
        self._turns: dict[int, Future[int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # an attempt under way may end: whether it arrived is worth knowing
        self._ending.set()
        self._threads.shutdown(cancel_futures=True)

    def look(self) -> int:
        """Begin the turns that are due, and do not wait for them; returns how many are under way.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        self._turns = {number: turn for number, turn in self._turns.items() if not turn.done()}
        around = self._around
        with around.database.read() as connection:
            waiting = lease.due(connection, around.clock())
        for number, channel in waiting:
            carrier = self._carriers.get(channel)
            if carrier is not None and number not in self._turns:
                self._turns[number] = self._threads.submit(self._turn, number, channel, carrier)
        return len(self._turns)

    def _turn(self, number: int, channel: Channel, carrier: Carrier) -> int:
        try:
            return take_turn(self._around, number, channel, carrier, secrets.token_hex(_TOKEN_BYTES))
        except Exception:  # noqa: BLE001 - whatever it is, the others go on
            # its lease ends by itself, and it is tried again
            _log.exception("sending for subscription %s failed", number)
            return 0
