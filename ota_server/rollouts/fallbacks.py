"""Devices that fell back lately: what people look at first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nlargest
from typing import Any, Final

from sqlalchemy import Connection, Row, or_, select

from ota_client.formats.version import Version
from ota_server.database.schema import (
    HAS_FALLEN_BACK,
    devices,
    rollout_devices,
    rollout_waves,
    rollouts,
)
from ota_server.database.scope import Products, within
from ota_server.rollouts.states import OPEN_ROLLOUTS

# of rollouts that are over, those that changed so lately
LATELY_S: Final = 7 * 86_400
_ROLLOUTS_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Fallback:
    """A device that fell back, and did not come up with the release since.

    Attributes:
        version: that it gave up.
        code: of the error that it reported.
    """

    device_id: str
    product: str
    rollout_id: int
    rollout: str
    version: Version
    code: str
    at: datetime


def newest(
    connection: Connection,
    *,
    products: Products,
    product: str | None = None,
    now: datetime,
    limit: int = 20,
) -> tuple[Fallback, ...]:
    """The devices that fell back in rollouts that are not over, or are since a week, the newest first.

    Only rollouts whose counters know of such devices are looked into.
    """
    found = [
        one
        for rollout in _rollouts(connection, products, product, now)
        for one in _of_rollout(connection, rollout, limit)
    ]
    return tuple(nlargest(limit, found, key=lambda one: one.at))


def _rollouts(
    connection: Connection, products: Products, product: str | None, now: datetime
) -> Sequence[Row[Any]]:
    where = [within(rollouts.c.product, products)]
    if product is not None:
        where.append(rollouts.c.product == product)
    wave = rollout_waves.c
    some = select(wave.rollout_id).where(wave.rollout_id == rollouts.c.id, wave.fell_back > 0)
    lately = rollouts.c.changed_at >= int(now.timestamp()) - LATELY_S
    wanted = select(rollouts).where(
        *where, or_(rollouts.c.state.in_(OPEN_ROLLOUTS), lately), some.exists()
    )
    return connection.execute(wanted.order_by(rollouts.c.id.desc()).limit(_ROLLOUTS_MOST)).all()


def _of_rollout(connection: Connection, rollout: Row[Any], limit: int) -> Iterator[Fallback]:
    """The index has those of one rollout in a row, by their time."""
    place = rollout_devices.c
    mine = (
        select(place.device_pk, place.code, place.changed_at)
        .where(place.rollout_id == rollout.id, HAS_FALLEN_BACK)
        .order_by(place.changed_at.desc())
        .limit(limit)
        .subquery()
    )
    wanted = select(mine, devices.c.device_id).join(devices, devices.c.pk == mine.c.device_pk)
    for row in connection.execute(wanted):
        yield Fallback(
            device_id=row.device_id,
            product=rollout.product,
            rollout_id=rollout.id,
            rollout=rollout.name,
            version=Version.parse(rollout.version),
            code=row.code,
            at=datetime.fromtimestamp(row.changed_at, UTC),
        )
