"""What goes with a device or an operator that goes; docs/adr/0029-privacy.md says what stays."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, exists, or_, select, update

from ota_server.database.events_schema import events, subscriptions
from ota_server.database.operators_schema import api_tokens, approvals
from ota_server.database.schema import devices
from ota_server.journal.event import EventKind
from ota_server.journal.forgetting import forget_actor, forget_device
from ota_server.operators import account_changes
from ota_server.operators.account import Operator

# who was to be told of a device's end has been, or the delivery was given up
GONE_KEPT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ErasedOperator:
    """What was erased.

    Attributes:
        pseudonym: what stands where the name stood, but in the audit log.
        subscriptions: those that went to the operator's own mail address, whoever had made them.
        approvals: in which the name was replaced.
    """

    pseudonym: str
    subscriptions: int
    approvals: int


def gone_devices(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Devices that were decommissioned long enough ago, and are named still."""
    told = events.c.kind == EventKind.DEVICE_DECOMMISSIONED.value
    old = events.c.at < int((now - GONE_KEPT).timestamp())
    # one that enrolled anew under the same id keeps its subscriptions
    known = exists().where(devices.c.device_id == events.c.device_id)
    query = select(events.c.device_id).where(told, old, events.c.device_id != "", ~known)
    return tuple(connection.execute(query.distinct().order_by(events.c.device_id)).scalars())


def erase_gone_device(connection: Connection, device_id: str) -> None:
    """Take a device that is gone out of the events, and its owner's subscriptions with it."""
    forget_device(connection, device_id)
    query = select(subscriptions.c.id, subscriptions.c.filter)
    query = query.where(subscriptions.c.filter.contains(f'"{device_id}"', autoescape=True))
    for row in connection.execute(query).all():
        # a pattern such as cam-* is about others as well
        if json.loads(row.filter).get("device_ids") == device_id:
            connection.execute(delete(subscriptions).filter_by(id=row.id))


def erase_operator(connection: Connection, operator: Operator) -> ErasedOperator:
    """Forget an operator: account, sessions, tokens, subscriptions, and the name where it stands.

    The audit log keeps the name: each entry is part of a chain that shows whether one was changed.
    """
    pseudonym = f"erased-{operator.id}"
    gone = 0
    if operator.mail:
        same = (subscriptions.c.channel == "mail") & (subscriptions.c.address == operator.mail)
        own = or_(same, subscriptions.c.operator_id == operator.id)
        gone = connection.execute(delete(subscriptions).where(own)).rowcount
    renamed = _rename(connection, operator.actor.label, f"operator:{pseudonym}")
    # people name their tokens after themselves
    for name in connection.scalars(select(api_tokens.c.name).filter_by(operator_id=operator.id)).all():
        renamed += _rename(connection, f"token:{name}", f"token:{pseudonym}")
    account_changes.remove(connection, operator.id)
    return ErasedOperator(pseudonym, gone, renamed)


def _rename(connection: Connection, label: str, fresh: str) -> int:
    """Put another actor's label where one stands; returns in how many approvals."""
    renamed = 0
    for column in (approvals.c.asked_by, approvals.c.decided_by):
        named = update(approvals).where(column == label).values({column.name: fresh})
        renamed += connection.execute(named).rowcount
    paused = update(subscriptions).where(subscriptions.c.reason == f"paused by {label}")
    connection.execute(paused.values(reason=f"paused by {fresh}"))
    forget_actor(connection, label, fresh)
    return renamed
