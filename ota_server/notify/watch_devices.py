"""Devices that time makes worth telling of: silent ones, and those whose certificates end soon."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select, tuple_

from ota_client.formats.strict import format_time
from ota_server.database.schema import device_seen, devices
from ota_server.devices.device_row import DeviceStatus
from ota_server.journal.event import Event, EventKind, record
from ota_server.notify import mark
from ota_server.notify.exposed import FIRST_MOST

_TOLD: Final = "silent-told-up-to"
_DAY: Final = "expiring-certificates-day"
_BATCH: Final = 500
# enrolled devices that never came count from then
_SEEN: Final = func.coalesce(device_seen.c.seen_at, devices.c.created_at)
_ACTIVE: Final = devices.c.status == DeviceStatus.ACTIVE.value


def tell_silent(connection: Connection, *, silent_after_s: int, now: datetime) -> int:
    """Tell of devices that have become silent, each once a silence; returns of how many.

    What was told is a moment: each time a device falls silent, the moment that it was last seen at comes
    to lie behind it once. Of very many, the rest follows with the next call.

    Args:
        connection: in a transaction that writes.
        silent_after_s: without a word for so long.
        now: UTC.
    """
    until = int(now.timestamp()) - silent_after_s
    mark.put(connection, mark.SILENT_DEVICES, _count_silent(connection, until), now=now)
    told = mark.get(connection, _TOLD)
    seen_at, pk = told if isinstance(told, list) else (0, 0)
    found = _silent(connection, int(seen_at), int(pk), until)
    for row in found:
        record(connection, _silence(row), now=now)
    reached = [found[-1].seen_at, found[-1].pk] if len(found) == _BATCH else [until, 2**31]
    # a longer time than before: what lies between was told
    if reached > [seen_at, pk]:
        mark.put(connection, _TOLD, reached, now=now)
    return len(found)


def tell_expiring(connection: Connection, *, warning_days: int, now: datetime) -> int:
    """Tell of devices' certificates that end soon, a product in one event a day; returns of how many.

    A device renews its certificate long before: those that are told of have failed to.
    """
    until = now + timedelta(days=warning_days)
    found = _expiring(connection, now, until)
    by_product = {row.product: int(row.devices) for row in found}
    mark.put(connection, mark.EXPIRING_CERTIFICATES, by_product, now=now)
    if not mark.is_new(connection, _DAY, f"{now:%Y-%m-%d}", now=now):
        return 0
    for row in found:
        document = {
            "whose": "devices",
            "expires_at": _text(row.first_at),
            "devices": row.devices,
            "first": list(_first_expiring(connection, row.product, now, until)),
        }
        event = Event(EventKind.CERTIFICATE_EXPIRING, document, product=row.product)
        record(connection, event, now=now)
    return sum(by_product.values())


def _silent(
    connection: Connection, seen_at: int, pk: int, until: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    query = (
        select(
            devices.c.pk,
            devices.c.device_id,
            devices.c.product,
            devices.c.running_version,
            _SEEN.label("seen_at"),
        )
        .outerjoin(device_seen, device_seen.c.device_pk == devices.c.pk)
        .where(_ACTIVE, until >= _SEEN, tuple_(_SEEN, devices.c.pk) > tuple_(seen_at, pk))
    )
    return connection.execute(query.order_by(_SEEN, devices.c.pk).limit(_BATCH)).all()


def _silence(row: Row[*tuple[Any, ...]]) -> Event:
    document = {"seen_at": _text(row.seen_at), "running_version": row.running_version}
    return Event(EventKind.DEVICE_SILENT, document, product=row.product, device_id=row.device_id)


def _count_silent(connection: Connection, until: int) -> dict[str, int]:
    query = (
        select(devices.c.product, func.count())
        .outerjoin(device_seen, device_seen.c.device_pk == devices.c.pk)
        .where(_ACTIVE, until >= _SEEN)
    )
    return {row[0]: row[1] for row in connection.execute(query.group_by(devices.c.product))}


def _expiring(connection: Connection, now: datetime, until: datetime) -> Sequence[Row[*tuple[Any, ...]]]:
    ends_at = devices.c.certificate_expires_at
    query = select(
        devices.c.product, func.count().label("devices"), func.min(ends_at).label("first_at")
    ).where(_ACTIVE, ends_at.between(int(now.timestamp()), int(until.timestamp())))
    return connection.execute(query.group_by(devices.c.product).order_by(devices.c.product)).all()


def _first_expiring(
    connection: Connection, product: str, now: datetime, until: datetime
) -> Sequence[str]:
    ends_at = devices.c.certificate_expires_at
    query = select(devices.c.device_id).where(
        devices.c.product == product,
        _ACTIVE,
        ends_at.between(int(now.timestamp()), int(until.timestamp())),
    )
    return connection.scalars(query.order_by(devices.c.device_id).limit(FIRST_MOST)).all()


def _text(seconds: int) -> str:
    return format_time(datetime.fromtimestamp(seconds, UTC))
