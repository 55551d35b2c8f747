"""What follows for a rollout when a counter has changed, or time has passed: next wave, halt, end."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from ota_server.rollouts.conditions import Decision, halt_reason, is_met, judge
from ota_server.rollouts.ledger import Ledger
from ota_server.rollouts.states import RECALLABLE, DeviceState, Event, RolloutState

_NOBODY: Final = "no device was left to take part"
_JUDGED: Final = (RolloutState.RUNNING, RolloutState.PAUSED)


def start_if_due(ledger: Ledger, *, now: datetime) -> None:
    """Start a scheduled rollout whose time has come."""
    if ledger.state is RolloutState.SCHEDULED and ledger.starts_at <= now.timestamp():
        ledger.happen(Event.START)
        settle(ledger, now=now)


def settle(ledger: Ledger, *, now: datetime) -> None:
    """Draw the conclusions in the transaction that changed the counters.

    So a rollout is halted by the very report that meets its condition. An open wave is judged as long
    as the rollout lasts; a late fallback in an early wave halts it too.
    """
    if ledger.state not in _JUDGED:
        return
    for wave in ledger.opened:
        if reason := halt_reason(ledger.plan.wave(wave.number), wave):
            halt(ledger, reason, now=now)
            return
    while ledger.state is RolloutState.RUNNING and _step(ledger, now):
        pass


def advance(ledger: Ledger, *, now: datetime) -> bool:
    """Open the next wave; after the last one finish, if no answer is to come any more."""
    if ledger.wave < len(ledger.plan.waves):
        ledger.wave += 1
        opened = ledger.waves[ledger.wave]
        ledger.waves[ledger.wave] = replace(opened, opened_at=int(now.timestamp()))
        return True
    if not any(wave.open for wave in ledger.opened):
        has_run = any(wave.succeeded for wave in ledger.opened)
        ledger.happen(Event.FINISH, "" if has_run else _NOBODY)
    return False


def open_elsewhere(ledger: Ledger) -> int:
    """How many are to answer in earlier waves: the end waits for them, the next wave does not."""
    is_last = ledger.wave == len(ledger.plan.waves)
    return sum(wave.open for wave in ledger.opened[:-1]) if is_last else 0


def halt(ledger: Ledger, reason: str, *, now: datetime) -> None:
    """Stop: no new offers, and who has nothing in its slot yet is called back."""
    ledger.happen(Event.HALT, reason)
    recall(ledger, now=now)


def recall(ledger: Ledger, *, now: datetime) -> int:
    """Take back the places of devices that have nothing in their slot yet; returns how many."""
    back = DeviceState.PENDING if ledger.state is RolloutState.HALTED else DeviceState.WITHDRAWN
    return ledger.move_all(RECALLABLE, back, now=now)


def _step(ledger: Ledger, now: datetime) -> bool:
    """Judge the open wave; whether there is another one to judge."""
    if not ledger.wave:
        return advance(ledger, now=now)
    plan, counts = ledger.plan.wave(ledger.wave), ledger.waves[ledger.wave]
    seconds = int(now.timestamp())
    if not is_met(plan, counts):
        counts = replace(counts, met_at=None)
    elif counts.met_at is None:
        counts = replace(counts, met_at=seconds)
    ledger.waves[ledger.wave] = counts
    verdict = judge(plan, counts, open_elsewhere=open_elsewhere(ledger), now=seconds)
    if verdict.decision is Decision.HALT:
        halt(ledger, verdict.reason, now=now)
    return verdict.decision is Decision.ADVANCE and advance(ledger, now=now)
