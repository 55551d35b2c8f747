"""What changes while somebody looks: one task a process asks the database, while anybody listens.

It sends words alone, such as ``rollout:12``, and ``all`` to who has just come; the browser then fetches
what it shows, as its visitor may see it. Whoever is signed out, disabled or may see other products than
before is sent no more (B12).
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, func, select

from ota_server.database.database import Database
from ota_server.database.events_schema import events
from ota_server.database.schema import rollout_waves, rollouts
from ota_server.database.scope import Products
from ota_server.errors import DatabaseUnavailableError, UnauthenticatedError
from ota_server.rollouts.states import OPEN_ROLLOUTS

_log = logging.getLogger(__name__)

# said once, when what changes from then on is told: a page may have changed since it was drawn
ALL: Final = "all"
OVERVIEW: Final = "overview"
ROLLOUTS: Final = "rollouts"
LISTENERS_MOST: Final = 200
_LOOK_S: Final = 1.0
# and so often, whether they may still
_AUTHORITY_S: Final = 3.0
# at a time: each takes half a millisecond, in which others wait for the database
_ASKED_MOST: Final = 50
_HEARTBEAT_S: Final = 15.0
_STILL_HERE: Final = b": still here\n\n"
# a browser connects anew by itself
_LONGEST_S: Final = 300.0

# a word, and the product that it is about
Words = set[tuple[str, str]]
# the products that a listener sees now; UnauthenticatedError if it is nobody any more
Authority = Callable[[Connection], Products]
# of each rollout, whose it is and how it stands
Marks = Mapping[int, tuple[str, object]]


@dataclass(eq=False, slots=True)
class _Listener:
    authority: Authority
    products: Products
    # what it may see was read just before it came
    asked_s: float = field(default_factory=time.monotonic)
    is_over: bool = False
    words: set[str] = field(default_factory=lambda: {ALL})
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, words: Words) -> None:
        """Keep what it may see (B10)."""
        seen = self.products
        self.words |= {word for word, product in words if seen is None or product in seen}
        if self.words:
            self.woken.set()


class Live:
    """Who listens, and what they are told.

    Args:
        database: of the fleet.
        look_s: how often it is asked.
        authority_s: how often it is asked whether listeners may still listen.
    """

    def __init__(
        self, database: Database, *, look_s: float = _LOOK_S, authority_s: float = _AUTHORITY_S
    ) -> None:
        self._database = database
        self._look_s = look_s
        self._authority_s = authority_s
        self._listeners: set[_Listener] = set()
        self._task: asyncio.Task[None] | None = None

    async def stream(
        self,
        authority: Authority,
        products: Products,
        closing: asyncio.Event | None = None,
        *,
        longest_s: float = _LONGEST_S,
    ) -> AsyncIterator[bytes]:
        """Server-sent events for one listener.

        Args:
            authority: tells what it sees later.
            products: those that it sees now (B10).
            closing: set when the server is to stop.
            longest_s: the stream ends then, and the browser comes again.
        """
        listener = _Listener(authority, products)
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + longest_s
        try:
            yield b"retry: 3000\n\n"
            quiet_s = 0.0
            while loop.time() < ends_at and not (closing and closing.is_set()):
                words = await _next(listener, self._look_s)
                if listener.is_over:
                    return
                quiet_s = 0.0 if words else quiet_s + self._look_s
                if words or quiet_s >= _HEARTBEAT_S:
                    yield words or _STILL_HERE
                    quiet_s = 0.0
        finally:
            self._listeners.discard(listener)

    async def rest(self) -> None:
        """Wait until nobody listens, and the database is asked no more."""
        if self._task is not None:
            await self._task

    async def _ask_authority(self) -> None:
        """Look again whether those may listen who were not looked at for a while."""
        now = time.monotonic()
        due = [one for one in self._listeners if now - one.asked_s >= self._authority_s]
        if due:
            due = sorted(due, key=lambda one: one.asked_s)[:_ASKED_MOST]
            await self._database.threads.run(_end_others, self._database, due)
        for listener in due:
            listener.asked_s = now

    async def _look(self) -> None:
        """Ask again and again; ends when nobody listens any more."""
        before: _Look | None = None
        while self._listeners:
            try:
                await self._ask_authority()
                # who comes while it looks is told by the next look: what it then has drawn may be older
                present = tuple(self._listeners)
                now = await self._database.threads.run(_look, self._database, before)
            except DatabaseUnavailableError as e:
                _log.warning("%s", e)
            else:
                for listener in present:
                    listener.tell(now.words)
                before = now
            await asyncio.sleep(self._look_s)


@dataclass(frozen=True, slots=True)
class _Look:
    """How it stood at one moment.

    Attributes:
        position: of the newest event.
        words: what is another one than at the moment before.
    """

    rollouts: Marks
    position: int
    words: Words


async def _next(listener: _Listener, wait_s: float) -> bytes:
    try:
        await asyncio.wait_for(listener.woken.wait(), wait_s)
    except TimeoutError:
        return b""
    listener.woken.clear()
    words, listener.words = sorted(listener.words), set()
    return f"event: changed\ndata: {' '.join(words)}\n\n".encode()


def _end_others(database: Database, listeners: list[_Listener]) -> None:
    """End those who may listen no more, or see other products: a browser comes again, as it then may."""
    with database.read() as connection:
        for listener in listeners:
            try:
                listener.is_over = listener.authority(connection) != listener.products
            except UnauthenticatedError:
                listener.is_over = True


def _look(database: Database, before: _Look | None) -> _Look:
    with database.read() as connection:
        marks = _rollout_marks(connection)
        if before is None:
            return _Look(marks, connection.scalar(select(func.max(events.c.id))) or 0, set())
        newer = select(events.c.id, events.c.product).where(events.c.id > before.position)
        happened = connection.execute(newer.order_by(events.c.id)).all()
    position = happened[-1].id if happened else before.position
    words = _changed(before.rollouts, marks) | {(OVERVIEW, row.product) for row in happened}
    return _Look(marks, position, words)


def _changed(before: Marks, now: Marks) -> Words:
    """Words for the rollouts that stand otherwise, are new or are over."""
    words = set()
    for number in {*before, *now}:
        if before.get(number) != now.get(number):
            product, _ = now.get(number) or before[number]
            words |= {(f"rollout:{number}", product), (ROLLOUTS, product)}
    return words


def _rollout_marks(connection: Connection) -> Marks:
    """Each rollout that is not over, with the numbers that its bars show."""
    numbers = [
        func.sum(rollout_waves.c[name])
        for name in ("members", "assigned", "succeeded", "failed", "fell_back", "refused", "silent")
    ]
    wanted = (
        select(rollouts.c.id, rollouts.c.product, rollouts.c.state, rollouts.c.revision, *numbers)
        .join(rollout_waves, rollout_waves.c.rollout_id == rollouts.c.id)
        .where(rollouts.c.state.in_(OPEN_ROLLOUTS))
        .group_by(rollouts.c.id, rollouts.c.product, rollouts.c.state, rollouts.c.revision)
    )
    return {row.id: (row.product, tuple(row)) for row in connection.execute(wanted)}
