"""What happened in the fleet, for people and programs that are told of it (OWASP IoT item 4).

Each kind has a version and a schema: docs/reference/events.md. Fields may be added to a version; one
that changes or goes makes a new version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from ota_client.formats.strict import canonical_json
from ota_server.database.events_schema import events
from ota_server.database.last import Last, at_end
from ota_server.journal.event_documents import checked
from ota_server.journal.event_kind import VERSION, EventKind
from ota_server.journal.lock import hold_journal

__all__ = ["Event", "EventKind", "record"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        document: the kind's own fields, as JSON values; its schema is in ``event_documents``.
        product: whose; empty for what concerns none.
        device_id: if it is about one device.
        severity: of an advisory or a release's worst one; empty for others.
    """

    kind: EventKind
    document: Mapping[str, object]
    product: str = ""
    device_id: str = ""
    severity: str = ""


def record(connection: Connection, event: Event, *, now: datetime) -> None:
    """Store an event when the transaction ends: it is sent if and only if what it tells of holds.

    Raises:
        TypeError: the document is not what its kind's schema says.
    """
    document = canonical_json(checked(event.kind, event.document)).decode()

    def work(connection: Connection) -> None:
        hold_journal(connection)
        newest = connection.scalar(select(func.max(events.c.id))) or 0
        row = {
            "id": newest + 1,
            "at": int(now.timestamp()),
            "kind": event.kind.value,
            "version": VERSION,
            "product": event.product,
            "device_id": event.device_id,
            "severity": event.severity,
            "document": document,
        }
        connection.execute(insert(events).values(row))

    at_end(connection, Last.JOURNAL, work)
