"""What is written down once a day: how many devices run what."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, insert, literal, select, update

from ota_server.database.events_schema import watch_marks
from ota_server.database.security_schema import version_counts, version_history
from ota_server.security.history import first_second

_MARK: Final = "security.version-history"


def write_history(connection: Connection, *, now: datetime) -> bool:
    """Write down what the fleet ran at the end of yesterday, unless somebody did.

    The first one after midnight sees what the day before ended with: versions change with check-ins,
    which are few in these seconds, and none while no server runs.

    Args:
        connection: of a transaction that writes.
        now: UTC.

    Returns:
        whether it was this call.
    """
    day = first_second(now - timedelta(days=1))
    if not _is_first(connection, day, now):
        return False
    counted = select(
        version_counts.c.product, literal(day), version_counts.c.version, version_counts.c.devices
    )
    columns = ["product", "day_at", "version", "devices"]
    rows = counted.where(version_counts.c.devices > 0)
    connection.execute(insert(version_history).from_select(columns, rows))
    return True


def _is_first(connection: Connection, day: int, now: datetime) -> bool:
    """Whether nobody wrote this day: of several processes the row's lock lets one be it."""
    changed = {"value": str(day), "changed_at": int(now.timestamp())}
    mine = update(watch_marks).filter_by(name=_MARK)
    # days have equally many digits until the year 2286
    if connection.execute(mine.where(watch_marks.c.value < str(day)).values(changed)).rowcount:
        return True
    if connection.execute(select(watch_marks.c.name).filter_by(name=_MARK)).first():
        return False
    return _make(connection, changed)


def _make(connection: Connection, values: dict[str, object]) -> bool:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as upsert  # noqa: PLC0415 - for it alone

        made = upsert(watch_marks).values(name=_MARK, **values).on_conflict_do_nothing()
        return connection.execute(made.returning(watch_marks.c.name)).first() is not None
    connection.execute(insert(watch_marks).values(name=_MARK, **values))
    return True
