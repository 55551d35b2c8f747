"""Devices that must not come back (B05): both ways hold from the next request on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, select, update

from ota_server.database.schema import (
    device_events,
    device_seen,
    devices,
    inventories,
    report_streams,
    rollout_devices,
)
from ota_server.devices import denied, version_counts
from ota_server.devices.device_row import DeviceStatus
from ota_server.devices.events import DeviceEvent, note
from ota_server.devices.membership import groups_of, leave
from ota_server.devices.tokens import withdraw_for
from ota_server.errors import NotFoundError
from ota_server.journal.event import Event, EventKind, record
from ota_server.journal.forgetting import forget_device
from ota_server.rollouts.joining import forget, withdraw


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows a device had; all 0 if there was no such device."""

    devices: int = 0
    last_seen: int = 0
    inventories: int = 0
    events: int = 0
    report_streams: int = 0
    groups: int = 0
    rollouts: int = 0
    tokens: int = 0
    # what people were told of it: these events are kept, without its id
    told: int = 0


def revoke(connection: Connection, device_id: str, *, reason: str = "", now: datetime) -> None:
    """Refuse a device from its next request on, and keep what is known of it. Again changes nothing.

    Raises:
        NotFoundError: no device has this id.
    """
    row = _locked(connection, device_id)
    if row is None:
        raise NotFoundError(f"expected the id of a known device, got {device_id[:80]!r}")
    denied.deny(connection, row.key_sha256, denied.Reason.REVOKED, now=now)
    withdraw_for(connection, device_id, row.product)
    if row.status == DeviceStatus.REVOKED:
        return
    withdraw(connection, row.pk, now=now)
    connection.execute(update(devices).filter_by(pk=row.pk).values(status=DeviceStatus.REVOKED.value))
    note(connection, row.pk, DeviceEvent.REVOKED, now=now)
    _tell(connection, EventKind.DEVICE_REVOKED, row, reason, now)


def decommission(connection: Connection, device_id: str, *, reason: str = "", now: datetime) -> Erased:
    """Erase a device; what is left is its key's sha256, so that it does not come back.

    Again, or with an id that nobody has, it erases nothing and says so.
    """
    row = _locked(connection, device_id)
    if row is None:
        return Erased(tokens=withdraw_for(connection, device_id))
    denied.deny(connection, row.key_sha256, denied.Reason.DECOMMISSIONED, now=now)
    in_groups = _leave_groups(connection, row.pk)
    in_rollouts = connection.scalar(
        select(func.count()).select_from(rollout_devices).filter_by(device_pk=row.pk)
    )
    forget(connection, row.pk, now=now)
    version_counts.gone(connection, row.product, row.running_version)
    told = forget_device(connection, device_id)
    _tell(connection, EventKind.DEVICE_DECOMMISSIONED, row, reason, now)
    return Erased(
        last_seen=_erase(connection, device_seen, row.pk),
        inventories=_erase(connection, inventories, row.pk),
        events=_erase(connection, device_events, row.pk),
        report_streams=_erase(connection, report_streams, row.pk),
        groups=in_groups,
        rollouts=in_rollouts or 0,
        tokens=withdraw_for(connection, device_id, row.product),
        told=told,
        devices=connection.execute(delete(devices).filter_by(pk=row.pk)).rowcount,
    )


def _locked(connection: Connection, device_id: str) -> Row[Any] | None:
    return connection.execute(select(devices).filter_by(device_id=device_id).with_for_update()).first()


def _tell(connection: Connection, kind: EventKind, row: Row[Any], reason: str, now: datetime) -> None:
    told = Event(kind, {"reason": reason}, product=row.product, device_id=row.device_id)
    record(connection, told, now=now)


def _leave_groups(connection: Connection, device_pk: int) -> int:
    # before rollouts, and by id: the order of locks
    left = sorted(groups_of(connection, device_pk))
    for group_id in left:
        leave(connection, group_id, [device_pk])
    return len(left)


def _erase(connection: Connection, table: Table, device_pk: int) -> int:
    return connection.execute(delete(table).filter_by(device_pk=device_pk)).rowcount
