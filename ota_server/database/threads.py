"""Threads in which the event loop has the database's work done: few, and only so many may wait."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, ParamSpec, TypeVar

from ota_server.errors import DatabaseUnavailableError

# A device that is told to come again costs less than one that waits.
WAITING_MOST: Final = 128
WAIT_MOST_S: Final = 20.0

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseThreads:
    """Does blocking work beside the event loop, first come first served.

    They are apart from the loop's own threads, which read files: an operator's command that holds
    SQLite's lock must not keep downloads and ``/readyz`` waiting too (B07).

    Args:
        number: of threads.
        clock: monotonic seconds.
    """

    def __init__(self, number: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._executor = ThreadPoolExecutor(number, "database")
        self._clock = clock
        self._waiting = 0

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in a thread.

        Raises:
            DatabaseUnavailableError: too many wait already, or it waited too long; nothing was done.
        """
        if self._waiting >= WAITING_MOST:
            raise DatabaseUnavailableError("too many requests wait for the database")
        # what is logged there belongs to this request
        context, asked_s = copy_context(), self._clock()

        def in_time() -> T:
            # those behind one that waited in vain would each wait as long as it did
            if self._clock() - asked_s > WAIT_MOST_S:
                raise DatabaseUnavailableError("the database is too busy")
            return context.run(work, *args, **kwargs)

        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, in_time)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let what has begun end; what waits is not done."""
        self._executor.shutdown(cancel_futures=True)
