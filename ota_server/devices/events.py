"""What happened to a device, for its history."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from ota_server.database.schema import device_events

EVENTS_MOST: Final = 200


class DeviceEvent(StrEnum):
    """What the server itself notes; reports are noted by their state."""

    ENROLLED = "enrolled"
    REKEYED = "rekeyed"
    RENEWED = "renewed"
    REVOKED = "revoked"


def note(connection: Connection, device_pk: int, event: DeviceEvent, *, now: datetime) -> None:
    """Add it to the device's history."""
    row = {"device_pk": device_pk, "at": int(now.timestamp()), "kind": event.value}
    connection.execute(insert(device_events).values(row))
    forget_old(connection, device_pk)


def forget_old(connection: Connection, device_pk: int) -> None:
    """Keep the newest ``EVENTS_MOST``: a device may renew and report as often as it is let (B07)."""
    newest_first = (
        select(device_events.c.id).filter_by(device_pk=device_pk).order_by(device_events.c.id.desc())
    )
    last_old = newest_first.offset(EVENTS_MOST).limit(1).scalar_subquery()
    connection.execute(
        delete(device_events).filter_by(device_pk=device_pk).where(device_events.c.id <= last_old)
    )
