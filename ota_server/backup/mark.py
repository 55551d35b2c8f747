"""When the last backup was made: `ota-server doctor` tells of an old one."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, select

from ota_server.database.events_schema import watch_marks
from ota_server.notify import mark

_NAME: Final = "last-backup"


def note_backup(connection: Connection, rows: int, *, now: datetime) -> None:
    """Remember that one was made."""
    mark.put(connection, _NAME, {"rows": rows}, now=now)


def last_backup_at(connection: Connection) -> datetime | None:
    """UTC; None if there never was one."""
    at = connection.scalar(select(watch_marks.c.changed_at).filter_by(name=_NAME))
    return None if at is None else datetime.fromtimestamp(at, UTC)
