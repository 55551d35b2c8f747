"""All that is kept about one device or one operator, for whom it is about (GDPR, articles 15 and 20)."""

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, or_, select

from ota_server.database.events_schema import deliveries, events, subscriptions
from ota_server.database.operators_schema import (
    api_token_grants,
    api_tokens,
    approvals,
    audit_entries,
    invitations,
    operator_grants,
    operators,
    sessions,
)
from ota_server.database.schema import (
    device_events,
    device_seen,
    devices,
    enrolment_tokens,
    group_members,
    groups,
    inventories,
    report_streams,
    rollout_devices,
)
from ota_server.journal.forgetting import may_name, names, proposals
from ota_server.operators.account import Operator

Rows = list[dict[str, object]]
# they would let whoever reads the export act: neither hash nor seal goes out
_SECRETS: Final = frozenset({"password_hash", "token_sha256", "code_sha256", "secret"})
_JSON: Final = frozenset({"document", "detail", "filter", "tags", "failed_at"})


def of_device(
    connection: Connection, device_pk: int, device_id: str, product: str
) -> Mapping[str, Rows]:
    """What is kept about a device and its owner, by table; nothing that is only called alike (B10)."""
    own = {
        table.name: _rows(connection, select(table).filter_by(device_pk=device_pk))
        for table in (device_seen, inventories, device_events, report_streams, rollout_devices)
    }
    in_groups = select(groups.c.product, groups.c.name).join(group_members)
    concerned = select(events).where(may_name(device_id), events.c.product == product)
    named = f'"{device_id}"'
    owners = select(subscriptions).where(subscriptions.c.filter.contains(named, autoescape=True))
    done = _entries().where(audit_entries.c.target == device_id, audit_entries.c.product == product)
    tokens = select(enrolment_tokens).filter_by(device_ids=device_id, product=product)
    return {
        "devices": _rows(connection, select(devices).filter_by(pk=device_pk)),
        **own,
        "groups": _rows(connection, in_groups.where(group_members.c.device_pk == device_pk)),
        "enrolment_tokens": _rows(connection, tokens),
        "events": [
            row
            for row in _rows(connection, concerned.order_by(events.c.id))
            if row["device_id"] == device_id or names(row["document"], device_id)
        ],
        "subscriptions": [row for row in _rows(connection, owners) if _is_about(row, device_id)],
        "audit_entries": _rows(connection, done),
    }


def of_operator(connection: Connection, operator: Operator) -> Mapping[str, Rows]:
    """What is kept about an operator, by table."""

    def mine(table: Table) -> Rows:
        return _rows(connection, select(table).filter_by(operator_id=operator.id))

    tokens = connection.scalars(select(api_tokens.c.name).filter_by(operator_id=operator.id)).all()
    labels = [operator.actor.label, *(f"token:{name}" for name in tokens)]
    own_tokens = select(api_tokens.c.id).filter_by(operator_id=operator.id)
    to_own_mail = subscriptions.c.address == (operator.mail or None)
    own = or_(subscriptions.c.operator_id == operator.id, to_own_mail)
    own_subscriptions = select(subscriptions.c.id).where(own)
    asked = or_(approvals.c.asked_by.in_(labels), approvals.c.decided_by.in_(labels))
    acted = (audit_entries.c.actor_kind == operator.actor.kind.value) & (
        audit_entries.c.actor == operator.name
    )
    done_to = (audit_entries.c.target == operator.name) & audit_entries.c.action.startswith("operator.")
    return {
        "operators": _rows(connection, select(operators).filter_by(id=operator.id)),
        "operator_grants": mine(operator_grants),
        "invitations": mine(invitations),
        "sessions": mine(sessions),
        "api_tokens": mine(api_tokens),
        "api_token_grants": _rows(
            connection,
            select(api_token_grants).where(api_token_grants.c.token_id.in_(own_tokens)),
        ),
        "subscriptions": _rows(connection, select(subscriptions).where(own)),
        "deliveries": _rows(
            connection,
            select(deliveries).where(deliveries.c.subscription_id.in_(own_subscriptions)),
        ),
        "approvals": _rows(connection, select(approvals).where(asked)),
        "events": [
            row for row in _rows(connection, proposals()) if _asked_by(row["document"]) in labels
        ],
        "audit_entries": _rows(connection, _entries().where(acted | done_to)),
    }


def _asked_by(document: object) -> object:
    return document.get("asked_by") if isinstance(document, Mapping) else None


def _is_about(row: Mapping[str, object], device_id: str) -> bool:
    wanted = row["filter"]
    return isinstance(wanted, Mapping) and wanted.get("device_ids") == device_id


def _entries() -> Select[Any]:
    return select(audit_entries).order_by(audit_entries.c.id)


def _rows(connection: Connection, query: Select[Any]) -> Rows:
    return [_plain(row) for row in connection.execute(query).mappings()]


def _plain(row: Mapping[Any, object]) -> dict[str, object]:
    return {
        str(name): json.loads(str(value)) if name in _JSON and value else value
        for name, value in row.items()
        if name not in _SECRETS
    }
