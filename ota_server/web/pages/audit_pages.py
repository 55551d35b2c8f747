"""The audit log: who did what, and whether the chain holds."""

import json
from datetime import UTC, datetime, timedelta
from typing import Final

from ota_server.errors import InvalidError
from ota_server.journal.audit_chain import Verified
from ota_server.journal.audit_page import AuditFilter
from ota_server.operations import audit
from ota_server.operators.actor import Role
from ota_server.web.pages.page import Answer, Drawn, Page, Visit

_A_PAGE: Final = 50
_FILTERS: Final = ("actor", "action", "target", "since", "until")


def listed(visit: Visit) -> Answer:
    """A page of the log, the newest first; filters are the address."""
    return _drawn(visit, None)


def verify(visit: Visit) -> Answer:
    """Go through the chain now; it changes nothing, so it is no form."""
    return _drawn(visit, audit.verify(visit.desk))


def show(visit: Visit) -> Answer:
    """One entry."""
    record = audit.find(visit.desk, visit.number("entry_id"))
    detail = json.dumps(dict(record.detail), indent=2, ensure_ascii=False, sort_keys=True)
    return Drawn("audit_entry", {"record": record, "detail": detail})


def _drawn(visit: Visit, verified: Verified | None) -> Drawn:
    query = visit.query
    wanted = AuditFilter(
        product=visit.product or "",
        actor=query.text("actor"),
        action=query.text("action"),
        target=query.text("target"),
        since=_day(query.text("since")),
        # the whole of that day
        until=_day(query.text("until"), days=1),
    )
    page = audit.listed(visit.desk, wanted, after=query.text("after") or None, limit=_A_PAGE)
    given = {name: query.text(name) for name in _FILTERS}
    values = {
        "page": page,
        "given": given,
        "is_filtered": any(given.values()),
        "verified": verified,
        "may_verify": visit.desk.actor.may_everywhere(Role.ADMIN),
        "query": query,
    }
    return Drawn("audit", values)


def _day(text: str, *, days: int = 0) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=days)
    except (ValueError, OverflowError) as e:
        raise InvalidError(f"expected a day such as 2026-11-22, got {text[:40]!r}") from e


PAGES: Final = (
    Page("GET", "/audit", listed, "Who did what, by filters, the newest first."),
    Page("GET", "/audit/verify", verify, "The same, after the chain of hashes was gone through."),
    Page("GET", "/audit/{entry_id}", show, "One entry, with its detail and hash."),
)
