"""What time alone does to rollouts: they start, soak, finish, and stop waiting for silent devices."""

from datetime import datetime

from sqlalchemy import Connection, or_, select

from ota_server.database.schema import rollout_devices, rollouts
from ota_server.rollouts.ledger import Ledger
from ota_server.rollouts.progress import recall, settle
from ota_server.rollouts.states import (
    IN_FLIGHT,
    OPEN_ROLLOUTS,
    DeviceState,
    Event,
    RolloutState,
)


def step(connection: Connection, *, now: datetime) -> int:
    """Do what is due. Every process calls it every few seconds; they do not wait for each other.

    Args:
        connection: in a transaction that writes.
        now: UTC.

    Returns:
        How many rollouts were looked at.
    """
    unfinished = or_(rollouts.c.state.in_(OPEN_ROLLOUTS), rollouts.c.in_flight > 0)
    ids = connection.execute(select(rollouts.c.id).where(unfinished).order_by(rollouts.c.id)).scalars()
    looked_at = 0
    for rollout_id in ids.all():
        ledger = Ledger.open(connection, rollout_id, skip_locked=True)
        if ledger is not None:
            _step_one(ledger, now)
            ledger.save(now=now)
            looked_at += 1
    return looked_at


def _step_one(ledger: Ledger, now: datetime) -> None:
    if ledger.state is RolloutState.SCHEDULED and ledger.starts_at <= now.timestamp():
        ledger.happen(Event.START)
    if ledger.state in {RolloutState.HALTED, RolloutState.ABORTED}:
        # those whose report was being written at the moment of the halt
        recall(ledger, now=now)
    _give_up_waiting(ledger, now)
    settle(ledger, now=now)


def _give_up_waiting(ledger: Ledger, now: datetime) -> None:
    """Take back the places of devices without a word; a later answer still counts."""
    if not ledger.in_flight:
        return
    since = int(now.timestamp()) - ledger.plan.answer_within_s
    overdue = rollout_devices.c.changed_at < since
    if ledger.state in OPEN_ROLLOUTS:
        again = rollout_devices.c.attempts <= ledger.plan.retries
        ledger.move_all(IN_FLIGHT, DeviceState.PENDING, overdue, again, now=now)
    ledger.move_all(IN_FLIGHT, DeviceState.SILENT, overdue, now=now)
