"""The audit log."""

import json
from itertools import islice
from typing import Final

from msgspec import Raw

from ota_server.operations import audit
from ota_server.operators.actor import Role
from ota_server.page import PAGE_MOST
from ota_server.web.api.paging import Part
from ota_server.web.api.route import PREFIX, Call, Kind, Route
from ota_server.web.api.shapes.audit import (
    AuditExportQuery,
    AuditQuery,
    EntriesAnswer,
    EntryAnswer,
    VerifiedAnswer,
)
from ota_server.web.api.streams import LINES

_ALL: Final = f"{PREFIX}/audit"


def _listed(call: Call[AuditQuery, None]) -> EntriesAnswer:
    query = call.query
    page = audit.listed(call.desk, query.to_filter(), after=query.cursor, limit=query.limit)
    return EntriesAnswer.page(page)


def _found(call: Call[None, None]) -> EntryAnswer:
    return EntryAnswer.told(audit.find(call.desk, call.number("entry_id")))


def _exported(call: Call[AuditExportQuery, None]) -> Part:
    """Some lines a transaction: who reads slowly holds none."""
    behind = call.query.behind if call.after is None else int(call.after)
    lines = list(islice(audit.export(call.desk, after=behind), PAGE_MOST))
    more = str(json.loads(lines[-1])["id"]) if len(lines) == PAGE_MOST else None
    return Part([Raw(line.rstrip()) for line in lines], more)


def _verified(call: Call[None, None]) -> VerifiedAnswer:
    return VerifiedAnswer.told(audit.verify(call.desk))


ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        "list_audit_entries",
        "What was done, by whom, the newest first.",
        query=AuditQuery,
        answer=EntriesAnswer,
        do=_listed,
    ),
    Route(
        "GET",
        f"{_ALL}/export",
        "export_audit_entries",
        "The whole log, one JSON object a line, the oldest first: to be kept elsewhere.",
        query=AuditExportQuery,
        media_type=LINES,
        kind=Kind.LINES,
        role=Role.ADMIN,
        everywhere=True,
        do=_exported,
    ),
    Route(
        "GET",
        f"{_ALL}/verify",
        "verify_audit_log",
        "Go through the whole log, and say that no entry was changed or taken out.",
        answer=VerifiedAnswer,
        role=Role.ADMIN,
        everywhere=True,
        do=_verified,
    ),
    Route(
        "GET",
        f"{_ALL}/{{entry_id}}",
        "show_audit_entry",
        "An entry.",
        answer=EntryAnswer,
        do=_found,
    ),
)
