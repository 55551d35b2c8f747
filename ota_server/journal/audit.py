"""The audit log: every change by a person, a token or a command, in a chain of hashes.

Each entry's sha256 is over its own fields and that of the entry before. Whoever changes or takes out
an entry must make all later ones anew; an export that is kept elsewhere shows it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert, select

from ota_client.formats.strict import canonical_json
from ota_server.database.last import Last, at_end
from ota_server.database.operators_schema import audit_entries
from ota_server.journal.lock import hold_journal

# what the first entry names as the one before
GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written down.

    Attributes:
        actor_kind, actor: who.
        action: such as ``rollout.pause``.
        target: the name or id of what it was done to.
        product: whose; empty for what concerns none.
        detail: JSON values.
    """

    actor_kind: str
    actor: str
    action: str
    target: str
    product: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)


def append(connection: Connection, entry: Entry, *, now: datetime) -> None:
    """Write an entry when the transaction ends; it holds or is undone with the rest."""

    def work(connection: Connection) -> None:
        hold_journal(connection)
        newest = select(audit_entries.c.id, audit_entries.c.sha256)
        last = connection.execute(newest.order_by(audit_entries.c.id.desc()).limit(1)).first()
        row = {
            "id": last.id + 1 if last else 1,
            "at": int(now.timestamp()),
            "actor_kind": str(entry.actor_kind),
            "actor": entry.actor,
            "action": entry.action,
            "product": entry.product,
            "target": entry.target,
            "detail": canonical_json(dict(entry.detail)).decode(),
            "previous_sha256": last.sha256 if last else GENESIS,
        }
        connection.execute(insert(audit_entries).values(row | {"sha256": digest(row)}))

    at_end(connection, Last.JOURNAL, work)


def digest(row: Mapping[str, object]) -> str:
    """The sha256 of an entry: of the canonical JSON of its columns without this one."""
    fields = {name: value for name, value in row.items() if name != "sha256"}
    return hashlib.sha256(canonical_json(fields)).hexdigest()
