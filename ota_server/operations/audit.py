"""The audit log, as people read, check and export it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ota_server.journal import audit_chain, audit_page
from ota_server.journal.audit_chain import Verified
from ota_server.journal.audit_page import AuditFilter, AuditRecord, AuditScope
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role
from ota_server.page import Page

_ALL: Final = AuditFilter()


def listed(
    desk: Desk, wanted: AuditFilter = _ALL, *, after: str | None = None, limit: int = 100
) -> Page[AuditRecord]:
    """A page of what was done, the newest first.

    What concerns no product, such as operators, is shown to admins of all products alone.

    Args:
        desk: who asks.
        wanted: which entries.
        after: the cursor of the page before.
        limit: how many at most.

    Raises:
        InvalidError: the limit or the cursor is none.
    """
    return audit_page.listed(desk.connection, wanted, scope=_scope(desk), after=after, limit=limit)


def find(desk: Desk, entry_id: int) -> AuditRecord:
    """One entry.

    Raises:
        NotFoundError: there is none, or the actor may not see it.
    """
    return audit_page.find(desk.connection, entry_id, scope=_scope(desk))


def verify(desk: Desk, kept: Iterable[Mapping[str, object]] = ()) -> Verified:
    """Go through the whole log, and say that no entry was changed or taken out. Needs an admin of all.

    Args:
        desk: who asks.
        kept: the entries of an earlier export, which must be in the log as they were.

    Raises:
        AuditError: an entry was changed or taken out, or the export is not of this log.
        ForbiddenError: the actor is no admin of all products.
    """
    desk.need_everywhere(Role.ADMIN)
    return audit_chain.verify(desk.connection, kept)


def export(desk: Desk, *, after: int = 0) -> Iterator[bytes]:
    """The log as JSON lines, oldest first: to be kept where this server cannot reach it.

    Args:
        desk: who asks, an admin of all products; its transaction lasts until the last line is read.
        after: only what was written behind the entry of this id.

    Raises:
        ForbiddenError: the actor is no admin of all products.
    """
    desk.need_everywhere(Role.ADMIN)
    return audit_chain.lines(desk.connection, after=after)


def _scope(desk: Desk) -> AuditScope:
    return AuditScope(desk.products, is_general=desk.actor.may_everywhere(Role.ADMIN))
