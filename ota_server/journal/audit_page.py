"""The audit log, read page by page."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, select

from ota_client.formats.strict import format_time
from ota_server.database.operators_schema import audit_entries
from ota_server.database.scope import Products, within
from ota_server.errors import InvalidError, NotFoundError
from ota_server.page import Page, check_limit, count

_ID_LONGEST: Final = 10


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One entry; see ``ota_server.journal.audit.Entry``.

    Attributes:
        id: its place: from 1, without gaps.
        sha256: over all of it and over the one before.
    """

    id: int
    at: datetime
    actor_kind: str
    actor: str
    action: str
    product: str
    target: str
    detail: Mapping[str, object]
    sha256: str

    def to_fields(self) -> dict[str, object]:
        """The entry as JSON fields (docs/reference/ota-server.md)."""
        return {
            "id": self.id,
            "at": format_time(self.at),
            "actor_kind": self.actor_kind,
            "actor": self.actor,
            "action": self.action,
            "product": self.product,
            "target": self.target,
            "detail": dict(self.detail),
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are asked for; what is empty asks for all.

    Attributes:
        product: about this product.
        actor: by this name.
        action: such as ``rollout.pause``, or ``rollout`` for all that begin so.
        target: done to this.
        since: not before.
        until: before.
    """

    product: str = ""
    actor: str = ""
    action: str = ""
    target: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditScope:
    """What somebody may read of the log (B10).

    Attributes:
        products: what was done to these; None for all.
        is_general: what concerns no product, such as operators, as well.
    """

    products: Products
    is_general: bool

    def condition(self) -> ColumnElement[bool]:
        """As a condition over the table."""
        product = audit_entries.c.product
        seen = within(product, self.products)
        return seen if self.is_general else seen & (product != "")


def listed(
    connection: Connection,
    wanted: AuditFilter,
    *,
    scope: AuditScope,
    after: str | None = None,
    limit: int = 100,
) -> Page[AuditRecord]:
    """A page of the log, the newest first.

    Raises:
        InvalidError: the limit or the cursor is none.
    """
    check_limit(limit)
    where = [scope.condition(), *_conditions(wanted)]
    total = count(connection, select(audit_entries.c.id).where(*where))
    page = [audit_entries.c.id < _cursor(after)] if after is not None else []
    query = select(audit_entries).where(*where, *page).order_by(audit_entries.c.id.desc())
    rows = connection.execute(query.limit(limit + 1)).all()
    more = str(rows[limit - 1].id) if len(rows) > limit else None
    return Page.of([*map(_record, rows[:limit])], total, more)


def find(connection: Connection, entry_id: int, *, scope: AuditScope) -> AuditRecord:
    """One entry.

    Raises:
        NotFoundError: there is none, or none within the scope.
    """
    # a number that is too long is none that the database could hold
    row = None
    if 0 < entry_id < 10**_ID_LONGEST:
        mine = select(audit_entries).filter_by(id=entry_id).where(scope.condition())
        row = connection.execute(mine).first()
    if row is None:
        raise NotFoundError(f"expected the id of an entry of the audit log, got {entry_id}")
    return _record(row)


def _conditions(wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    column = audit_entries.c
    for known, value in (
        (column.product, wanted.product),
        (column.actor, wanted.actor),
        (column.target, wanted.target),
    ):
        if value:
            yield known == value
    if wanted.action:
        begins = column.action.startswith(f"{wanted.action}.", autoescape=True)
        yield (column.action == wanted.action) | begins
    if wanted.since is not None:
        yield column.at >= int(wanted.since.timestamp())
    if wanted.until is not None:
        yield column.at < int(wanted.until.timestamp())


def _cursor(after: str) -> int:
    if not (after.isascii() and after.isdecimal() and len(after) <= _ID_LONGEST):
        raise InvalidError(f"after: expected the cursor of a page before, got {after[:40]!r}")
    return int(after)


def _record(row: Row[Any]) -> AuditRecord:
    return AuditRecord(
        id=row.id,
        at=datetime.fromtimestamp(row.at, UTC),
        actor_kind=row.actor_kind,
        actor=row.actor,
        action=row.action,
        product=row.product,
        target=row.target,
        detail=json.loads(row.detail),
        sha256=row.sha256,
    )
