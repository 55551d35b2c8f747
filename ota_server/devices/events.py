"""What happened to a device, for its history."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert

from ota_server.database.schema import device_events


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
