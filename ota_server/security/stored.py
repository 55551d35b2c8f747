"""The imported weaknesses, in the database."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, tuple_

from ota_client.manifest import Severity
from ota_server.database.security_schema import weakness_packages, weaknesses
from ota_server.page import Page, check_limit
from ota_server.security.severity import of_word
from ota_server.security.weakness import Source, Weakness


@dataclass(frozen=True, slots=True)
class ImportedWeakness:
    """One document of a weakness, without what it says of packages.

    Attributes:
        modified_at: by its source; None if it does not say.
    """

    id: str
    document: str
    source: Source
    severity: Severity | None
    summary: str
    modified_at: datetime | None
    imported_at: datetime


def put(connection: Connection, weakness: Weakness, *, now: datetime) -> None:
    """Keep a document, in place of the one of the same id."""
    connection.execute(delete(weaknesses).filter_by(id=weakness.id, document=weakness.document))
    connection.execute(
        insert(weaknesses).values(
            id=weakness.id,
            document=weakness.document,
            source=weakness.source.value,
            severity="" if weakness.severity is None else weakness.severity.value,
            summary=weakness.summary,
            action=weakness.action,
            modified_at=weakness.modified_at,
            content=msgspec.json.encode(weakness).decode(),
            imported_at=int(now.timestamp()),
        )
    )
    _note_packages(connection, weakness.id)


def find(connection: Connection, weakness_id: str) -> tuple[Weakness, ...]:
    """All documents of a weakness; none if there is none."""
    return found_by_id(connection, [weakness_id]).get(weakness_id, ())


def found_by_id(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[Weakness, ...]]:
    """All documents of some weaknesses."""
    query = select(weaknesses.c.id, weaknesses.c.content).where(weaknesses.c.id.in_(list(ids)))
    found: dict[str, tuple[Weakness, ...]] = {}
    for row in connection.execute(query.order_by(weaknesses.c.id, weaknesses.c.document)):
        weakness = msgspec.json.decode(row.content, type=Weakness)
        found[row.id] = (*found.get(row.id, ()), weakness)
    return found


def listed(connection: Connection, *, after: str | None, limit: int) -> Page[ImportedWeakness]:
    """A page of documents, by the weakness and the document; raises InvalidError for the limit."""
    check_limit(limit)
    total = connection.execute(select(func.count()).select_from(weaknesses)).scalar_one()
    column = weaknesses.c
    query = select(weaknesses).order_by(column.id, column.document).limit(limit + 1)
    if after is not None:
        # an id has no blank
        weakness_id, _, document = after.partition(" ")
        query = query.where(tuple_(column.id, column.document) > (weakness_id, document))
    rows = connection.execute(query).all()
    items = tuple(map(_imported, rows[:limit]))
    last = f"{items[-1].id} {items[-1].document}" if len(rows) > limit else None
    return Page(items, total, last)


def remove(connection: Connection, weakness_id: str) -> int:
    """Forget all documents of a weakness.

    Returns:
        how many there were.
    """
    gone = connection.execute(delete(weaknesses).filter_by(id=weakness_id)).rowcount
    _note_packages(connection, weakness_id)
    return gone


def modified_at(connection: Connection, weakness: Weakness) -> int | None:
    """Of the document of the same id that is there; None if there is none."""
    mine = select(weaknesses.c.modified_at).filter_by(id=weakness.id, document=weakness.document)
    return connection.scalar(mine)


def _note_packages(connection: Connection, weakness_id: str) -> None:
    connection.execute(delete(weakness_packages).filter_by(weakness_id=weakness_id))
    documents = find(connection, weakness_id)
    packages = {statement.package for document in documents for statement in document.statements}
    if packages:
        rows = [{"package": package, "weakness_id": weakness_id} for package in sorted(packages)]
        connection.execute(insert(weakness_packages), rows)


def _imported(row: Row[Any]) -> ImportedWeakness:
    return ImportedWeakness(
        id=row.id,
        document=row.document,
        source=Source(row.source),
        severity=of_word(row.severity),
        summary=row.summary,
        modified_at=datetime.fromtimestamp(row.modified_at, UTC) if row.modified_at else None,
        imported_at=datetime.fromtimestamp(row.imported_at, UTC),
    )
