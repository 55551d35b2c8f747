"""Many rows at once, for databases as they are after years."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, text

from ota_server.database.database import Database

_BATCH: Final = 10_000


def insert_rows(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    """Insert them in batches."""
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        connection.execute(insert(table), batch)


def settle(database: Database) -> None:
    """Let PostgreSQL know its tables now, as it does by itself within minutes."""
    if database.is_sqlite:
        return
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("VACUUM ANALYZE"))
