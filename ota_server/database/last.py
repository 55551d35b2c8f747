"""What a transaction does last, in one order everywhere: rows and locks that all of the fleet share.

A device's transaction holds its own row and perhaps a rollout's when it comes to these. Were they taken
underway, two transactions could each hold what the other waits for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from sqlalchemy import Connection, Engine, event

# among the connection's options, which end with the transaction; those of the driver's connection would
# go on to the next one, and cannot be reached once it is lost
_KEY: Final = "ota_server_last"
Work = Callable[[Connection], None]


class Last(IntEnum):
    """In this order."""

    VERSION_COUNTS = 1
    # one writer at a time until it commits: so ids rise in the order of commits
    JOURNAL = 2


@dataclass(slots=True)
class _Waiting:
    """What waits, as it was added; and how much of it there was at each open savepoint."""

    work: list[tuple[Last, str, int, Work]] = field(default_factory=list)
    savepoints: list[int] = field(default_factory=list)


def begin_last(connection: Connection) -> None:
    """A transaction that writes begins."""
    connection.execution_options(**{_KEY: _Waiting()})


def at_end(connection: Connection, rank: Last, work: Work, *, key: str = "") -> None:
    """Have ``work`` done before the transaction commits; within a rank by ``key``, then as added.

    Raises:
        KeyError: the transaction is one that reads.
    """
    waiting: _Waiting = connection.get_execution_options()[_KEY]
    waiting.work.append((rank, key, len(waiting.work), work))


def run_last(connection: Connection) -> None:
    """Do what was left for the end."""
    waiting: _Waiting = connection.get_execution_options()[_KEY]
    found = sorted(waiting.work)
    waiting.work.clear()
    for *_, work in found:
        work(connection)


def follow_savepoints(engine: Engine) -> None:
    """Undo with a savepoint what was left for the end behind it: nobody is told of what never was."""

    def begun(connection: Connection, _name: str | None) -> None:
        if waiting := _of(connection):
            waiting.savepoints.append(len(waiting.work))

    def undone(connection: Connection, _name: str, _context: object) -> None:
        if waiting := _of(connection):
            del waiting.work[waiting.savepoints.pop() :]

    def kept(connection: Connection, _name: str, _context: object) -> None:
        if waiting := _of(connection):
            waiting.savepoints.pop()

    event.listen(engine, "savepoint", begun)
    event.listen(engine, "rollback_savepoint", undone)
    event.listen(engine, "release_savepoint", kept)


def _of(connection: Connection) -> _Waiting | None:
    found: _Waiting | None = connection.get_execution_options().get(_KEY)
    return found
