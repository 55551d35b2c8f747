"""One writer of the journal at a time: ids rise in the order of commits, and no reader misses one."""

from typing import Final

from sqlalchemy import Connection, func, select

_LOCK: Final = 0x6A6F_7572


def hold_journal(connection: Connection) -> None:
    """Wait for the turn; it ends with the transaction. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
