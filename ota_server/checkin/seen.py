"""When each device was last here: written in batches, half a second late.

One statement for all devices of a batch costs a quarter of one for each. What a killed process loses
is the last half second of this and nothing else: reports and claims are never written late.
"""

import asyncio
import logging
from asyncio import Task, TimerHandle
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from ota_server.errors import DatabaseUnavailableError

_log = logging.getLogger(__name__)

LATE_S: Final = 0.5
_AGAIN_S: Final = 5.0

Batch: TypeAlias = list[tuple[int, int]]
Write: TypeAlias = Callable[[Batch], Awaitable[None]]


class LastSeen:
    """What is noted and not yet written.

    Args:
        write: writes pairs of device and seconds since 1970, by rising device, so that two processes
            do not wait for each other crosswise; raises DatabaseUnavailableError.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._at: dict[int, int] = {}
        self._timer: TimerHandle | None = None
        self._task: Task[None] | None = None

    def __len__(self) -> int:
        return len(self._at)

    def note(self, device_pk: int, at: int) -> None:
        """Remember it, to be written within ``LATE_S``."""
        self._at[device_pk] = at
        if self._timer is None:
            self._start(LATE_S)

    async def close(self) -> None:
        """Write what is left."""
        if self._task is not None:
            await self._task
        if self._timer is not None:
            self._timer.cancel()
        self._task = self._timer = None
        await self._put()

    def _start(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self) -> None:
        written = False
        try:
            written = await self._put()
        finally:
            # whatever went wrong: what comes after it is written again
            self._timer = None
            if self._at:
                self._start(LATE_S if written else _AGAIN_S)

    async def _put(self) -> bool:
        batch, self._at = self._at, {}
        try:
            if batch:
                await self._write(sorted(batch.items()))
        except DatabaseUnavailableError as e:
            _log.warning("last seen of %d devices is not written: %s", len(batch), e)
            # what came meanwhile is newer
            self._at = batch | self._at
            return False
        return True
