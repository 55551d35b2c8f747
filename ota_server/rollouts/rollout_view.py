"""Rollouts as they stand: counters are read, not counted again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from ota_client.formats.version import Version
from ota_server.database.schema import groups, rollout_waves, rollouts
from ota_server.database.scope import Products, within
from ota_server.errors import InvalidError, NotFoundError
from ota_server.page import Page, check_limit
from ota_server.rollouts.counts import WaveCounts
from ota_server.rollouts.ledger import read_plan
from ota_server.rollouts.plan import RolloutPlan
from ota_server.rollouts.states import RolloutState

_CURSOR_LONGEST: Final = 11
_COUNTERS: Final = tuple(rollout_waves.c[field.name] for field in fields(WaveCounts))
_ROLLOUT: Final = (*rollouts.c, groups.c.name.label("group_name"))


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout.

    Attributes:
        wave: the last one that is open; 0 before the first.
        waves: how each stands.
        revision: rises with each change of state or wave.
        reason: why it is paused, halted or aborted.
    """

    id: int
    product: str
    name: str
    version: Version
    group: str
    state: RolloutState
    plan: RolloutPlan
    wave: int
    waves: tuple[WaveCounts, ...]
    priority: int
    max_in_flight: int
    in_flight: int
    created_at: datetime
    starts_at: datetime
    changed_at: datetime
    revision: int
    reason: str


def find(connection: Connection, rollout_id: int) -> Rollout:
    """One rollout.

    Raises:
        NotFoundError: there is none.
    """
    row = connection.execute(_rollouts().where(rollouts.c.id == rollout_id)).first()
    if row is None:
        raise unknown(rollout_id)
    return _read(connection, [row])[0]


def unknown(rollout_id: int) -> NotFoundError:
    """There is no such rollout, or none that the asker may see: to both the same (B10)."""
    return NotFoundError(f"expected the id of a rollout, got {rollout_id}")


def named(connection: Connection, product: str, name: str) -> Rollout:
    """One rollout by its name; raises as ``find``."""
    wanted = _rollouts().where(rollouts.c.product == product, rollouts.c.name == name)
    row = connection.execute(wanted).first()
    if row is None:
        raise NotFoundError(f"expected the name of a rollout of {product[:64]}, got {name[:64]!r}")
    return _read(connection, [row])[0]


def listed(
    connection: Connection,
    *,
    products: Products,
    product: str | None = None,
    group_id: int | None = None,
    states: Sequence[RolloutState] = (),
    after: str | None = None,
    limit: int = 100,
) -> Page[Rollout]:
    """Rollouts, the newest first.

    Args:
        connection: to read from.
        products: of these alone (B10).
        product: of this one only.
        group_id: for this group only.
        states: in one of these only; none for all.
        after: the cursor of the page before.
        limit: how many at most.

    Raises:
        InvalidError: the limit or the cursor is none.
    """
    check_limit(limit)
    where = [within(rollouts.c.product, products)]
    if product is not None:
        where.append(rollouts.c.product == product)
    if group_id is not None:
        where.append(rollouts.c.group_id == group_id)
    if states:
        where.append(rollouts.c.state.in_(states))
    total = connection.execute(select(func.count()).select_from(rollouts).where(*where)).scalar_one()
    page = [rollouts.c.id < _cursor(after)] if after is not None else []
    wanted = _rollouts().where(*where, *page).order_by(rollouts.c.id.desc()).limit(limit + 1)
    rows = connection.execute(wanted).all()
    items = tuple(_read(connection, rows[:limit]))
    return Page(items, total, str(items[-1].id) if len(rows) > limit else None)


def _rollouts() -> Any:  # noqa: ANN401 - SQLAlchemy types a select by its columns one by one
    return select(*_ROLLOUT).join(groups, groups.c.id == rollouts.c.group_id)


def _read(connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[Rollout]:
    ids = [row.id for row in rows]
    wanted = select(rollout_waves.c.rollout_id, *_COUNTERS).where(rollout_waves.c.rollout_id.in_(ids))
    waves: dict[int, list[WaveCounts]] = {rollout_id: [] for rollout_id in ids}
    for rollout_id, *counters in connection.execute(wanted.order_by(rollout_waves.c.number)):
        waves[rollout_id].append(WaveCounts(*counters))
    return [_rollout(row, waves[row.id]) for row in rows]


def _rollout(row: Row[*tuple[Any, ...]], waves: Iterable[WaveCounts]) -> Rollout:
    return Rollout(
        id=row.id,
        product=row.product,
        name=row.name,
        version=Version.parse(row.version),
        group=row.group_name,
        state=RolloutState(row.state),
        plan=read_plan(row.plan),
        wave=row.wave,
        waves=tuple(waves),
        priority=row.priority,
        max_in_flight=row.max_in_flight,
        in_flight=row.in_flight,
        created_at=_at(row.created_at),
        starts_at=_at(row.starts_at),
        changed_at=_at(row.changed_at),
        revision=row.revision,
        reason=row.reason,
    )


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _cursor(after: str) -> int:
    if not (after.isascii() and after.isdecimal() and len(after) < _CURSOR_LONGEST):
        raise InvalidError(f"after: expected the cursor of a page before, got {after[:40]!r}")
    return int(after)
