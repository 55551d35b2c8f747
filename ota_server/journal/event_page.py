"""Events, read: page by page for people, from a position on for programs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, false, func, or_, select, true

from ota_client.formats.strict import format_time
from ota_server.database.events_schema import events
from ota_server.errors import InvalidError
from ota_server.journal.event_kind import PUBLIC_KINDS, EventKind
from ota_server.page import Page, check_limit


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event; see ``ota_server.journal.event.Event``.

    Attributes:
        id: its place: ids rise in the order of commits.
        version: of its schema.
    """

    id: int
    at: datetime
    kind: EventKind
    version: int
    product: str
    device_id: str
    severity: str
    document: Mapping[str, object]

    def to_fields(self) -> dict[str, object]:
        """The event as it is sent (docs/reference/events.md)."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "version": self.version,
            "at": format_time(self.at),
            "product": self.product,
            "device_id": self.device_id,
            "severity": self.severity,
            "document": dict(self.document),
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; what is left empty asks for all.

    Attributes:
        products: those that one may see; None for all. Of what concerns no product, others than those
            who may see all learn only what is published to everybody (B10).
        product: of those, this one alone.
    """

    products: frozenset[str] | None
    kinds: frozenset[EventKind] = frozenset()
    product: str = ""
    device_id: str = ""

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """As conditions over the table."""
        yield visible(self.products)
        if self.kinds:
            yield events.c.kind.in_(sorted(self.kinds))
        if self.product:
            yield events.c.product == self.product
        if self.device_id:
            yield events.c.device_id == self.device_id


def visible(products: frozenset[str] | None) -> ColumnElement[bool]:
    """The condition that every query over events carries (B10); None sees all."""
    if products is None:
        return true()
    if not products:
        return false()
    public = and_(events.c.product == "", events.c.kind.in_(sorted(PUBLIC_KINDS)))
    return or_(events.c.product.in_(sorted(products)), public)


def listed(
    connection: Connection, wanted: Wanted, *, after: str | None = None, limit: int = 100
) -> Page[StoredEvent]:
    """A page of events, the newest first.

    Raises:
        InvalidError: the limit or the cursor cannot be one.
    """
    check_limit(limit)
    conditions = tuple(wanted.conditions())
    total = connection.scalar(select(func.count()).select_from(events).where(*conditions)) or 0
    query = select(events).where(*conditions).order_by(events.c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(events.c.id < _cursor(after))
    found = tuple(map(_stored, connection.execute(query)))
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(found[:limit], total, more)


def following(
    connection: Connection, wanted: Wanted, *, position: int, limit: int = 100
) -> Sequence[StoredEvent]:
    """The events behind a position, oldest first."""
    query = select(events).where(events.c.id > position, *wanted.conditions())
    return tuple(map(_stored, connection.execute(query.order_by(events.c.id).limit(limit))))


def find(connection: Connection, event_id: int) -> StoredEvent | None:
    """One event; None if it is none, or is kept no more."""
    row = connection.execute(select(events).where(events.c.id == event_id)).first()
    return _stored(row) if row else None


def newest_id(connection: Connection) -> int:
    """The position behind all events."""
    return connection.scalar(select(func.max(events.c.id))) or 0


def _cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(2**31))):
        raise InvalidError(f"after: expected the cursor of a page of events, got {text[:40]!r}")
    return int(text)


def _stored(row: Row[Any]) -> StoredEvent:
    return StoredEvent(
        row.id,
        datetime.fromtimestamp(row.at, UTC),
        EventKind(row.kind),
        row.version,
        row.product,
        row.device_id,
        row.severity,
        json.loads(row.document),
    )
