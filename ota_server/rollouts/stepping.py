"""What time alone does to rollouts: they start, soak, finish, and stop waiting for silent devices."""

import logging
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, exists, or_, select

from ota_server.database.schema import device_seen, devices, rollout_devices, rollouts
from ota_server.errors import DatabaseUnavailableError
from ota_server.rollouts.ledger import Ledger
from ota_server.rollouts.progress import recall, settle, start_if_due
from ota_server.rollouts.states import (
    IN_FLIGHT,
    OPEN_ROLLOUTS,
    DeviceState,
    RolloutState,
)

_log = logging.getLogger(__name__)

# its last check-in came after the last that was heard of its update
_WAS_HERE: Final = exists().where(
    device_seen.c.device_pk == rollout_devices.c.device_pk,
    device_seen.c.seen_at > rollout_devices.c.changed_at,
)
_IS_ACTIVE: Final = exists().where(
    devices.c.pk == rollout_devices.c.device_pk, devices.c.status == "active"
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
    return sum(_step_one(connection, rollout_id, now) for rollout_id in ids.all())


def _step_one(connection: Connection, rollout_id: int, now: datetime) -> bool:
    """Whether it was looked at, and not in another process's hands."""
    try:
        ledger = Ledger.open(connection, rollout_id, skip_locked=True)
    except DatabaseUnavailableError as e:
        # a newer version's plan, say: the other rollouts go on
        _log.error("rollout %d is passed over: %s", rollout_id, e)
        return False
    if ledger is None:
        return False
    _do_what_is_due(ledger, now)
    ledger.save(now=now)
    return True


def _do_what_is_due(ledger: Ledger, now: datetime) -> None:
    start_if_due(ledger, now=now)
    if ledger.state in {RolloutState.HALTED, RolloutState.ABORTED}:
        # those whose report was being written at the moment of the halt
        recall(ledger, now=now)
    _look_after_silent(ledger, now)
    settle(ledger, now=now)


def _look_after_silent(ledger: Ledger, now: datetime) -> None:
    """Take back the places of devices without a word; a later answer still counts.

    Only one that was here since is given it again, as often as there are retries: a device that the
    release has broken never comes, and must not be waited for.
    """
    is_overdue = rollout_devices.c.changed_at < int(now.timestamp()) - ledger.plan.answer_within_s
    may_try = (_WAS_HERE, _IS_ACTIVE, rollout_devices.c.attempts <= ledger.plan.retries)
    if ledger.state in OPEN_ROLLOUTS:
        if ledger.in_flight:
            ledger.move_all(IN_FLIGHT, DeviceState.PENDING, is_overdue, *may_try, now=now)
        if any(wave.silent for wave in ledger.waves.values()):
            ledger.move_all([DeviceState.SILENT], DeviceState.PENDING, *may_try, now=now)
    if ledger.in_flight:
        ledger.move_all(IN_FLIGHT, DeviceState.SILENT, is_overdue, now=now)
