"""Devices that time makes worth telling of: silent ones, and those whose certificates end soon.

To find them takes a look at every device: it is done before the transaction that tells of them, as
SQLite has one writer, and devices report meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, func, select, tuple_

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


@dataclass(frozen=True, slots=True)
class Silent:
    """What was found.

    Attributes:
        told: up to where it was told when one looked; see ``find_silent``.
        reached: up to where it is when these are told.
        newly: the keys of those to tell of.
    """

    by_product: Mapping[str, int]
    told: list[int]
    reached: list[int]
    newly: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Expiring:
    """What was found.

    Attributes:
        events: of this day; none if they were told when one looked.
    """

    by_product: Mapping[str, int]
    events: tuple[Event, ...]


def find_silent(connection: Connection, *, silent_after_s: int, now: datetime) -> Silent:
    """Look for devices that have become silent.

    What was told is a moment: each time a device falls silent, the moment that it was last seen at comes
    to lie behind it once. Of very many, the rest is found with the next call.

    Args:
        connection: for reading.
        silent_after_s: without a word for so long.
        now: UTC.
    """
    until = int(now.timestamp()) - silent_after_s
    told = _told(connection)
    behind = tuple_(_SEEN, devices.c.pk) > tuple_(*told)
    found = _silent(connection, behind, until >= _SEEN)
    reached = [found[-1].seen_at, found[-1].pk] if len(found) == _BATCH else [until, 2**31]
    newly = tuple(row.pk for row in found)
    # a longer time than before: what lies between was told
    return Silent(_count_silent(connection, until), told, max(reached, told), newly)


def tell_silent(connection: Connection, found: Silent, *, now: datetime) -> int:
    """Tell of them, each once a silence; returns of how many.

    Args:
        connection: in a transaction that writes, with the watch held.
        found: what ``find_silent`` found.
        now: UTC.
    """
    mark.is_new(connection, mark.SILENT_DEVICES, dict(found.by_product), now=now)
    if _told(connection) != found.told:
        # another process told of them meanwhile
        return 0
    # neither one that came meanwhile, nor one that was erased
    still = (devices.c.pk.in_(found.newly), tuple_(*found.reached) >= tuple_(_SEEN, devices.c.pk))
    rows = _silent(connection, *still) if found.newly else ()
    for row in rows:
        record(connection, _silence(row), now=now)
    mark.is_new(connection, _TOLD, found.reached, now=now)
    return len(rows)


def find_expiring(connection: Connection, *, warning_days: int, now: datetime) -> Expiring:
    """Look for devices' certificates that end soon, a product in one event a day.

    A device renews its certificate long before: those that are found have failed to.
    """
    until = now + timedelta(days=warning_days)
    found = _expiring(connection, now, until)
    is_told = mark.get(connection, _DAY) == _day(now)
    happened = () if is_told else tuple(_expiries(connection, found, now, until))
    return Expiring({row.product: int(row.devices) for row in found}, happened)


def tell_expiring(connection: Connection, found: Expiring, *, now: datetime) -> int:
    """Tell of them unless somebody did this day; returns of how many products."""
    mark.is_new(connection, mark.EXPIRING_CERTIFICATES, dict(found.by_product), now=now)
    if not mark.is_new(connection, _DAY, _day(now), now=now):
        return 0
    for event in found.events:
        record(connection, event, now=now)
    return len(found.events)


def _told(connection: Connection) -> list[int]:
    told = mark.get(connection, _TOLD)
    return told if isinstance(told, list) else [0, 0]


def _day(now: datetime) -> str:
    return f"{now:%Y-%m-%d}"


def _expiries(
    connection: Connection, found: Sequence[Row[*tuple[Any, ...]]], now: datetime, until: datetime
) -> Iterator[Event]:
    for row in found:
        document = {
            "whose": "devices",
            "expires_at": _text(row.first_at),
            "devices": row.devices,
            "first": list(_first_expiring(connection, row.product, now, until)),
            "until": format_time(until),
        }
        yield Event(EventKind.CERTIFICATE_EXPIRING, document, product=row.product)


def _silent(connection: Connection, *which: ColumnElement[bool]) -> Sequence[Row[*tuple[Any, ...]]]:
    query = (
        select(
            devices.c.pk,
            devices.c.device_id,
            devices.c.product,
            devices.c.running_version,
            _SEEN.label("seen_at"),
        )
        .outerjoin(device_seen, device_seen.c.device_pk == devices.c.pk)
        .where(_ACTIVE, *which)
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
