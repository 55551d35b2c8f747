"""Rollouts, as operators make them, look at them and steer them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, exists, insert, select
from sqlalchemy.exc import IntegrityError

from ota_server.database.product_lock import hold_product
from ota_server.database.schema import devices, rollout_devices, rollout_waves, rollouts
from ota_server.errors import ConflictError, InvalidError
from ota_server.journal.event import EventKind, record
from ota_server.rollouts.conditions import is_met
from ota_server.rollouts.eligibility import Standing
from ota_server.rollouts.ledger import Ledger, open_ledger
from ota_server.rollouts.members import Member, members
from ota_server.rollouts.plan import RolloutPlan
from ota_server.rollouts.progress import advance, open_elsewhere, recall, settle, start_if_due
from ota_server.rollouts.recruiting import (
    Catalog,
    Recruit,
    check_waves,
    group_id_of,
    recruit,
    with_releases,
)
from ota_server.rollouts.rollout_view import Rollout, find, listed, named
from ota_server.rollouts.states import BAD, DeviceState, Event, RolloutState
from ota_server.rollouts.telling import told
from ota_server.rollouts.waves import rollout_salt

__all__ = (
    "RETRIED",
    "Member",
    "Rollout",
    "abort",
    "create",
    "find",
    "listed",
    "members",
    "named",
    "pause",
    "resume",
    "retry",
)

RETRIED: Final = (*BAD, DeviceState.SILENT)
_BATCH: Final = 5_000


def create(
    connection: Connection,
    plan: RolloutPlan,
    *,
    catalog: Catalog,
    proposed_by: str | None = None,
    now: datetime,
) -> Rollout:
    """Make a rollout; it starts at once unless the plan says when, or somebody has to agree first.

    Args:
        connection: in a transaction that writes.
        plan: what the operator wants.
        catalog: the published releases.
        proposed_by: who proposes it, such as ``operator:mia``: it waits for another one's approval.
        now: UTC.

    Raises:
        NotFoundError: there is no such release or group.
        ConflictError: the product has a rollout of this name.
        InvalidError: nobody would take part, a wave names a device that cannot or would be empty, or
            the stepping stone does not lead to the release.
    """
    whole = with_releases(plan, catalog)
    # no device may join the group while we look: it would be in neither list
    hold_product(connection, plan.product)
    group_id = group_id_of(connection, whole)
    recruits = recruit(connection, whole, group_id, now=now)
    check_waves(whole, recruits)
    taken = _hold(connection, recruits.taken)
    state = RolloutState.SCHEDULED if proposed_by is None else RolloutState.PROPOSED
    rollout_id = _insert(connection, whole, group_id, state, now)
    _insert_members(connection, rollout_id, whole, taken, now)
    ledger = open_ledger(connection, rollout_id)
    if proposed_by is not None:
        proposal = told(ledger, EventKind.ROLLOUT_PROPOSED, asked_by=proposed_by)
        record(connection, proposal, now=now)
    start_if_due(ledger, now=now)
    ledger.save(now=now)
    return find(connection, rollout_id)


def pause(connection: Connection, rollout_id: int, *, reason: str = "", now: datetime) -> Rollout:
    """Offer nothing new; devices that are updating go on.

    Raises:
        NotFoundError: there is no such rollout.
        ConflictError: its state does not allow it, as in all that follow.
    """
    ledger = open_ledger(connection, rollout_id)
    ledger.happen(Event.PAUSE, reason)
    ledger.save(now=now)
    return find(connection, rollout_id)


def resume(
    connection: Connection, rollout_id: int, *, seen: RolloutState | None = None, now: datetime
) -> Rollout:
    """Go on, in spite of what has failed so far: halt conditions look at what comes from now on.

    A wave in which nobody is left to answer is over then, though its success condition does not hold.

    Args:
        connection: in a transaction that writes.
        rollout_id: which.
        seen: the state in which whoever decided saw it: one that has halted since is not resumed.
        now: UTC.
    """
    ledger = open_ledger(connection, rollout_id)
    if seen is not None and ledger.state is not seen:
        raise ConflictError(f"the rollout was {seen} and is {ledger.state} now; look at it again")
    was_halted = ledger.state is RolloutState.HALTED
    ledger.happen(Event.RESUME)
    if was_halted:
        for wave in ledger.opened:
            ledger.waves[wave.number] = wave.with_base()
        if _is_spent(ledger):
            advance(ledger, now=now)
    settle(ledger, now=now)
    ledger.save(now=now)
    return find(connection, rollout_id)


def abort(connection: Connection, rollout_id: int, *, reason: str = "", now: datetime) -> Rollout:
    """End it: who waits, or has nothing in its slot yet, gets nothing; who has installed goes on."""
    ledger = open_ledger(connection, rollout_id)
    ledger.happen(Event.ABORT, reason)
    ledger.withdraw_pending(now=now)
    recall(ledger, now=now)
    ledger.save(now=now)
    return find(connection, rollout_id)


def retry(
    connection: Connection,
    rollout_id: int,
    *,
    states: Sequence[DeviceState] = RETRIED,
    device_ids: Sequence[str] = (),
    now: datetime,
) -> int:
    """Give it once more to devices that failed, fell back or were silent; returns how many.

    Args:
        connection: in a transaction that writes.
        rollout_id: which.
        states: of ``RETRIED``.
        device_ids: these only; none for all.
        now: UTC.

    Raises:
        ConflictError: the rollout was aborted.
        InvalidError: other states cannot be tried again.
    """
    if not set(states) <= set(RETRIED):
        raise InvalidError(f"states: expected some of {', '.join(RETRIED)}, got {', '.join(states)}")
    ledger = open_ledger(connection, rollout_id)
    if ledger.state is RolloutState.ABORTED:
        raise ConflictError("the rollout is aborted: expected one that is not; make a new rollout")
    again = ledger.move_all(states, DeviceState.PENDING, _listened_to(device_ids), now=now)
    if again and ledger.state is RolloutState.FINISHED:
        ledger.happen(Event.REOPEN)
    settle(ledger, now=now)
    ledger.save(now=now)
    return again


def _listened_to(device_ids: Sequence[str]) -> ColumnElement[bool]:
    """Those of these ids, or of all, that are not revoked: nobody is to wait for one that is."""
    mine = exists().where(devices.c.pk == rollout_devices.c.device_pk, devices.c.status == "active")
    return mine.where(devices.c.device_id.in_(device_ids)) if device_ids else mine


def _is_spent(ledger: Ledger) -> bool:
    """Whether nobody is left to answer in the open wave, and it has not gone well."""
    if not ledger.wave:
        return False
    counts = ledger.waves[ledger.wave]
    is_over = not counts.open and not open_elsewhere(ledger)
    return is_over and not is_met(ledger.plan.wave(ledger.wave), counts)


def _insert(
    connection: Connection, plan: RolloutPlan, group_id: int, state: RolloutState, now: datetime
) -> int:
    seconds = int(now.timestamp())
    row = {
        "product": plan.product,
        "name": plan.name,
        "version": str(plan.version),
        "group_id": group_id,
        "state": state.value,
        "plan": plan.to_json(),
        "salt": rollout_salt(plan.product, plan.name),
        "priority": plan.priority,
        "max_in_flight": plan.max_in_flight,
        "created_at": seconds,
        "starts_at": seconds if plan.starts_at is None else int(plan.starts_at.timestamp()),
        "changed_at": seconds,
    }
    try:
        made = connection.execute(insert(rollouts).values(row).returning(rollouts.c.id))
    except IntegrityError as e:
        raise ConflictError(
            f"{plan.product} has a rollout {plan.name!r} already; choose another name"
        ) from e
    return int(made.scalar_one())


def _hold(connection: Connection, recruits: Sequence[Recruit]) -> list[Recruit]:
    """Let none of them be revoked or decommissioned until the end; those that have been are left out."""
    held: set[int] = set()
    for start in range(0, len(recruits), _BATCH):
        pks = [recruit.device_pk for recruit in recruits[start : start + _BATCH]]
        wanted = select(devices.c.pk).where(devices.c.pk.in_(pks), devices.c.status == "active")
        held.update(
            connection.scalars(wanted.order_by(devices.c.pk).with_for_update(read=True, key_share=True))
        )
    return [recruit for recruit in recruits if recruit.device_pk in held]


def _insert_members(
    connection: Connection,
    rollout_id: int,
    plan: RolloutPlan,
    recruits: Sequence[Recruit],
    now: datetime,
) -> None:
    seconds = int(now.timestamp())
    counts: Counter[int] = Counter(recruit.wave for recruit in recruits)
    done = Counter(r.wave for r in recruits if r.standing is Standing.RUNS_IT)
    connection.execute(
        insert(rollout_waves),
        [
            {
                "rollout_id": rollout_id,
                "number": number,
                "members": counts[number],
                "succeeded": done[number],
                # they never tried it: they must not hide those that fail
                "base_answered": done[number],
            }
            for number in range(1, len(plan.waves) + 1)
        ],
    )
    for start in range(0, len(recruits), _BATCH):
        rows = [_row(rollout_id, recruit, seconds) for recruit in recruits[start : start + _BATCH]]
        connection.execute(insert(rollout_devices), rows)


def _row(rollout_id: int, recruit: Recruit, seconds: int) -> dict[str, object]:
    runs_it = recruit.standing is Standing.RUNS_IT
    return {
        "rollout_id": rollout_id,
        "device_pk": recruit.device_pk,
        "wave": recruit.wave,
        "state": (DeviceState.SUCCEEDED if runs_it else DeviceState.PENDING).value,
        "changed_at": seconds,
    }
