"""Keys that never come back (B05): all that is left of a decommissioned device."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, literal, select

from ota_server.database.schema import denied_keys


class Reason(StrEnum):
    """Why a key is denied."""

    REVOKED = "revoked"
    DECOMMISSIONED = "decommissioned"
    # the device id was given to another key
    REPLACED = "replaced"
    # of a factory's certificate: it enrolled a device with a key of its own, and is good for no second
    SPENT = "spent"


def deny(connection: Connection, key_sha256: str, reason: Reason, *, now: datetime) -> None:
    """Refuse the key from the next request on; the first reason stays."""
    denied_at = int(now.timestamp())
    values = (literal(key_sha256), literal(reason.value), literal(denied_at))
    absent = ~select(denied_keys).where(denied_keys.c.key_sha256 == key_sha256).exists()
    names = ["key_sha256", "reason", "denied_at"]
    connection.execute(insert(denied_keys).from_select(names, select(*values).where(absent)))


def is_denied(connection: Connection, key_sha256: str) -> bool:
    """Whether the key may not come back."""
    found = connection.execute(select(denied_keys.c.reason).filter_by(key_sha256=key_sha256))
    return found.first() is not None
