"""A row is written over, or made: in one statement, so of two who write it first neither fails."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table


def put_row(
    connection: Connection,
    table: Table,
    key: Mapping[str, object],
    values: Mapping[str, Any],
    **changed: Any,  # noqa: ANN401 - as SQLAlchemy takes values
) -> None:
    """Make the row of a unique key, or write over it.

    Args:
        connection: in a transaction that writes.
        table: of either kind of database.
        key: the columns that are unique together.
        values: the others, of a row that is made.
        changed: of a row that is there, where they are not ``values``.
    """
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql as dialect  # noqa: PLC0415 - loaded for it alone
    else:
        from sqlalchemy.dialects import sqlite as dialect  # type: ignore[no-redef]  # noqa: PLC0415 - as above
    made = dialect.insert(table).values({**key, **values})
    over = made.on_conflict_do_update(index_elements=list(key), set_=changed or dict(values))
    connection.execute(over)
