"""Threads for what takes long at the door, on purpose or for want of an answer (B07).

Whoever knocks is nobody yet: who is inside, and devices that download, must not wait behind a flood of
passwords.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Final, ParamSpec, TypeVar

from ota_server.errors import TooManyError

_WAITING_MOST: Final = 32
_RETRY_S: Final = 10

P = ParamSpec("P")
T = TypeVar("T")


class DoorThreads:
    """A few threads, and only so many may wait for one.

    Args:
        number: of threads.
        waiting_most: also those that have one.
    """

    def __init__(self, number: int, waiting_most: int = _WAITING_MOST) -> None:
        self._executor = ThreadPoolExecutor(number, "door")
        self._waiting_most = waiting_most
        self._waiting = 0

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in a thread.

        Raises:
            TooManyError: too many wait already; nothing was done.
        """
        if self._waiting >= self._waiting_most:
            raise TooManyError("too many people sign in at a time", _RETRY_S)
        # what is logged there belongs to this request
        work_here = partial(copy_context().run, work, *args, **kwargs)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work_here)
        finally:
            self._waiting -= 1
