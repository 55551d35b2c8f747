"""What has been kept long enough goes, a few rows at a time: a check-in never waits for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, tuple_

from ota_server.database.database import Database
from ota_server.database.events_schema import deliveries, events
from ota_server.database.operators_schema import idempotency_keys, invitations, sessions
from ota_server.database.schema import device_events
from ota_server.database.security_schema import version_history
from ota_server.privacy.erasure import erase_gone_device, gone_devices
from ota_server.settings.notifications import RetentionSettings

T = TypeVar("T")

_BATCH: Final = 1000
# an answer that is given again to the same request (ota_server.web.api.idempotency)
_ANSWERS_KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Rule:
    """Which rows of a table have been kept long enough.

    Attributes:
        old: the condition.
    """

    table: Table
    old: ColumnElement[bool]


def rules(settings: RetentionSettings, now: datetime) -> tuple[Rule, ...]:
    """What the settings say, and what is over by itself."""

    def before(**ago: float) -> int:
        return int((now - timedelta(**ago)).timestamp())

    seconds = int(now.timestamp())
    # readers go on from the newest event's number, so it stays
    newest = select(func.max(events.c.id)).scalar_subquery()
    ended = deliveries.c.state.in_(("delivered", "dead"))
    return (
        Rule(device_events, device_events.c.at < before(days=settings.device_events_days)),
        Rule(events, (events.c.at < before(days=settings.events_days)) & (events.c.id < newest)),
        Rule(deliveries, (deliveries.c.at < before(days=settings.deliveries_days)) & ended),
        Rule(version_history, version_history.c.day_at < before(days=settings.version_history_days)),
        Rule(sessions, sessions.c.expires_at < seconds),
        Rule(invitations, invitations.c.expires_at < seconds),
        Rule(idempotency_keys, idempotency_keys.c.at < int((now - _ANSWERS_KEPT).timestamp())),
    )


def due(connection: Connection, settings: RetentionSettings, now: datetime) -> dict[str, int]:
    """How many rows of each table would go now; under ``devices``, how many that are gone are named."""
    counted = {
        rule.table.name: connection.scalar(select(func.count()).select_from(rule.table).where(rule.old))
        or 0
        for rule in rules(settings, now)
    }
    return counted | {"devices": len(gone_devices(connection, now))}


def retain(database: Database, settings: RetentionSettings, *, now: datetime) -> Mapping[str, int]:
    """Remove all that has been kept long enough; each batch is a transaction of its own.

    Returns:
        how many rows went, by table; under ``devices``, how many that are gone were taken out of events.
    """
    removed = {rule.table.name: 0 for rule in rules(settings, now)}
    for rule in rules(settings, now):
        count = _BATCH
        while count == _BATCH:
            count = _in(database, partial(_remove, rule=rule))
            removed[rule.table.name] += count
    with database.read() as connection:
        gone = gone_devices(connection, now)
    for device_id in gone:
        _in(database, partial(erase_gone_device, device_id=device_id))
    database.tidy()
    return removed | {"devices": len(gone)}


def _remove(connection: Connection, rule: Rule) -> int:
    key = tuple(rule.table.primary_key.columns)
    some = select(*key).where(rule.old).order_by(*key).limit(_BATCH)
    some = some.with_for_update(skip_locked=True)
    found = [tuple(row) for row in connection.execute(some)]
    if not found:
        return 0
    return connection.execute(delete(rule.table).where(tuple_(*key).in_(found))).rowcount


def _in(database: Database, work: Callable[[Connection], T]) -> T:
    with database.begin() as connection:
        return work(connection)
