"""Figures that no counter keeps, as time alone changes them: counted now and then, and remembered.

To count them takes a look at every device; a page reads what was found last.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

from ota_server.database.events_schema import watch_marks
from ota_server.database.put import put_row
from ota_server.database.schema import device_seen, devices
from ota_server.database.scope import Products

_MARK: Final = "devices.figures"


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """What was found when one last looked.

    Attributes:
        silent: devices that had not come for long.
        expiring: devices whose certificates end soon, or have ended.
        counted_at: UTC.
    """

    silent: int
    expiring: int
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """The same, by product."""

    silent: Mapping[str, int]
    expiring: Mapping[str, int]


def count(connection: Connection, *, silent_after: timedelta, warn: timedelta, now: datetime) -> Counted:
    """Look at every device.

    Args:
        connection: for reading: it takes a while, in which others write.
        silent_after: without a check-in for so long a device is silent.
        warn: before a certificate ends.
        now: UTC.
    """
    unseen = func.coalesce(device_seen.c.seen_at, devices.c.created_at) < _seconds(now - silent_after)
    ends = devices.c.certificate_expires_at.between(1, _seconds(now + warn))
    return Counted(_by_product(connection, unseen), _by_product(connection, ends))


def remember(connection: Connection, found: Counted, *, now: datetime) -> None:
    """Keep what was counted at this moment.

    Args:
        connection: in a transaction that writes.
        found: what was counted.
        now: UTC.
    """
    values = {"value": json.dumps(asdict(found)), "changed_at": _seconds(now)}
    put_row(connection, watch_marks, {"name": _MARK}, values)


def read(connection: Connection, *, products: Products) -> FleetFigures | None:
    """The figures of these products (B10); None while nobody has looked."""
    row = connection.execute(select(watch_marks).filter_by(name=_MARK)).first()
    if row is None:
        return None
    found = json.loads(row.value)
    silent, expiring = (
        sum(n for name, n in found[figure].items() if products is None or name in products)
        for figure in ("silent", "expiring")
    )
    return FleetFigures(silent, expiring, datetime.fromtimestamp(row.changed_at, UTC))


def _by_product(connection: Connection, where: ColumnElement[bool]) -> dict[str, int]:
    wanted = (
        select(devices.c.product, func.count())
        .outerjoin(device_seen, device_seen.c.device_pk == devices.c.pk)
        .where(devices.c.status == "active", where)
        .group_by(devices.c.product)
    )
    return {row[0]: row[1] for row in connection.execute(wanted)}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
