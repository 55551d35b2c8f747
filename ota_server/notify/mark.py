"""What watchers have told already: a JSON value by name, so that each thing is told once."""

import json
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from ota_client.formats.strict import canonical_json
from ota_server.database.events_schema import watch_marks
from ota_server.database.put import put_row

# how many devices were silent, and how many's certificates ended soon, when one last looked: by product
SILENT_DEVICES: Final = "silent-devices"
EXPIRING_CERTIFICATES: Final = "expiring-certificates"

_LOCK: Final = 0x7761_7463


def hold_watch(connection: Connection) -> None:
    """Let one process at a time look and tell; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def get(connection: Connection, name: str) -> object:
    """The value of a mark; None if there is none."""
    text = connection.scalar(select(watch_marks.c.value).filter_by(name=name))
    return None if text is None else json.loads(text)


def put(connection: Connection, name: str, value: object, *, now: datetime) -> None:
    """Set a mark."""
    values = {"value": canonical_json(value).decode(), "changed_at": int(now.timestamp())}
    put_row(connection, watch_marks, {"name": name}, values)


def is_new(connection: Connection, name: str, value: object, *, now: datetime) -> bool:
    """Set a mark; whether it had another value, or none."""
    if get(connection, name) == value:
        return False
    put(connection, name, value, now=now)
    return True


def counts(connection: Connection, name: str) -> dict[str, int]:
    """The value of a mark that counts by product."""
    found = get(connection, name)
    return found if isinstance(found, dict) else {}
