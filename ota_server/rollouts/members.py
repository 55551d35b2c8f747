"""A rollout's devices, page by page: along an index, so that a page costs the same in any rollout."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from ota_client.formats.version import Version
from ota_server.database.schema import devices, rollout_devices
from ota_server.errors import InvalidError
from ota_server.page import Page, Total, check_limit, count
from ota_server.rollouts.rollout_view import Rollout, find
from ota_server.rollouts.states import IN_FLIGHT, DeviceState

_CURSOR: Final = re.compile(r"(\d{1,2})-(\d{1,10})", re.ASCII)
_PLACE: Final = rollout_devices.c


@dataclass(frozen=True, slots=True)
class Member:
    """A device in a rollout.

    Attributes:
        attempts: how often it was given the release.
        version: what it was given last; None before, and after a stepping stone.
        code: of the error that it reported last, or of the server's reason not to offer it.
    """

    device_id: str
    wave: int
    state: DeviceState
    attempts: int
    version: Version | None
    consented: bool
    code: str
    changed_at: datetime


def members(
    connection: Connection,
    rollout_id: int,
    *,
    state: DeviceState | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page[Member]:
    """A rollout's devices in the order of their enrolment; those in one state wave by wave.

    Args:
        connection: to read from.
        rollout_id: which rollout.
        state: in this state only.
        after: the cursor of the page before.
        limit: how many at most.

    Raises:
        NotFoundError: there is no such rollout.
        InvalidError: the limit or the cursor is none.
    """
    check_limit(limit)
    wave, number = _cursor(after)
    found = find(connection, rollout_id)
    if state is None:
        rows = _page(connection, found, _PLACE.device_pk, number, limit + 1)
        cursors = [f"0-{row.device_pk}" for row in rows]
    else:
        rows = _in_state(connection, found, state, (wave, number), limit + 1)
        cursors = [f"{row.wave}-{row.id}" for row in rows]
    more = cursors[limit - 1] if len(rows) > limit else None
    return Page.of([*map(_member, rows[:limit])], _total(connection, found, state), more)


def _in_state(
    connection: Connection,
    found: Rollout,
    state: DeviceState,
    behind: tuple[int, int],
    most: int,
) -> Sequence[Row[Any]]:
    """Wave by wave: the index has the places of one wave and state in a row."""
    rows: list[Row[Any]] = []
    for wave in found.waves:
        if wave.number < behind[0] or len(rows) >= most:
            continue
        last = behind[1] if wave.number == behind[0] else 0
        where = (_PLACE.wave == wave.number, _PLACE.state == state.value)
        rows += _page(connection, found, _PLACE.id, last, most - len(rows), *where)
    return rows


def _page(
    connection: Connection,
    found: Rollout,
    key: ColumnElement[int],
    last: int,
    most: int,
    *where: ColumnElement[bool],
) -> Sequence[Row[Any]]:
    places = _places(found).where(key > last, *where).order_by(key).limit(most).subquery()
    wanted = select(places, devices.c.device_id).join(devices, devices.c.pk == places.c.device_pk)
    return connection.execute(wanted.order_by(places.c[key.name])).all()


def _places(found: Rollout) -> Select[Any]:
    return select(rollout_devices).where(_PLACE.rollout_id == found.id)


def _total(connection: Connection, found: Rollout, state: DeviceState | None) -> Total:
    """As the waves' counters have it; they do not tell apart the steps of those underway."""
    if state in IN_FLIGHT:
        waves = _PLACE.wave.in_([wave.number for wave in found.waves])
        return count(connection, _places(found).where(waves, _PLACE.state == state.value))
    counter = "members" if state is None else state.value
    return Total(sum(getattr(wave, counter) for wave in found.waves))


def _cursor(after: str | None) -> tuple[int, int]:
    match = _CURSOR.fullmatch(after or "0-0")
    if match is None:
        raise InvalidError(f"after: expected the cursor of a page before, got {str(after)[:40]!r}")
    return int(match[1]), int(match[2])


def _member(row: Row[Any]) -> Member:
    return Member(
        device_id=row.device_id,
        wave=row.wave,
        state=DeviceState(row.state),
        attempts=row.attempts,
        version=Version.parse(row.version) if row.version is not None else None,
        consented=row.consented,
        code=row.code,
        changed_at=datetime.fromtimestamp(row.changed_at, UTC),
    )
