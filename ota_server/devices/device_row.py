"""What enrolment writes into a device's row."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, update

from ota_client.formats.strict import canonical_json
from ota_server.database.schema import devices
from ota_server.devices import denied, version_counts
from ota_server.devices.events import DeviceEvent, note
from ota_server.journal.event import Event, EventKind, record


class DeviceStatus(StrEnum):
    """Whether a device is listened to; a decommissioned one has no row."""

    ACTIVE = "active"
    REVOKED = "revoked"


def add(
    connection: Connection,
    *,
    device_id: str,
    product: str,
    hardware_id: str,
    key_sha256: str,
    tags: Sequence[str],
    now: datetime,
) -> int:
    """Add a device; returns its pk.

    Raises:
        IntegrityError: somebody was quicker with this id or key.
    """
    row = {
        "device_id": device_id,
        "product": product,
        "hardware_id": hardware_id,
        "key_sha256": key_sha256,
        "status": DeviceStatus.ACTIVE.value,
        "created_at": int(now.timestamp()),
        "certificate_expires_at": 0,
        "tags": canonical_json(list(tags)).decode(),
    }
    added = int(connection.execute(insert(devices).values(row).returning(devices.c.pk)).scalar_one())
    version_counts.entered(connection, product)
    note(connection, added, DeviceEvent.ENROLLED, now=now)
    _tell(connection, product, device_id, hardware_id, rekeyed=False, now=now)
    return added


def give_key(
    connection: Connection, known: Row[Any], key_sha256: str, hardware_id: str, now: datetime
) -> None:
    """Give a known device id to another key; the one that it had never comes back."""
    denied.deny(connection, known.key_sha256, denied.Reason.REPLACED, now=now)
    changed = {
        "key_sha256": key_sha256,
        "hardware_id": hardware_id,
        "status": DeviceStatus.ACTIVE.value,
    }
    connection.execute(update(devices).filter_by(pk=known.pk).values(changed))
    note(connection, known.pk, DeviceEvent.REKEYED, now=now)
    _tell(connection, known.product, known.device_id, hardware_id, rekeyed=True, now=now)


def set_expiry(connection: Connection, device_pk: int, expires_at: datetime) -> None:
    """Remember until when the newest certificate holds."""
    value = int(expires_at.timestamp())
    connection.execute(update(devices).filter_by(pk=device_pk).values(certificate_expires_at=value))


def _tell(
    connection: Connection,
    product: str,
    device_id: str,
    hardware_id: str,
    *,
    rekeyed: bool,
    now: datetime,
) -> None:
    document = {"hardware_id": hardware_id, "rekeyed": rekeyed}
    told = Event(EventKind.DEVICE_ENROLLED, document, product=product, device_id=device_id)
    record(connection, told, now=now)
