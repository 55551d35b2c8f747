"""What people and programs are told of a rollout (docs/reference/events.md)."""

from typing import TYPE_CHECKING, Final

from ota_server.journal.event import Event as Told
from ota_server.journal.event import EventKind
from ota_server.rollouts.states import Event

if TYPE_CHECKING:
    from ota_server.rollouts.ledger import Ledger

# a pause, a resume and a retry are a person's doing: the audit log has them
TOLD: Final = {
    Event.START: EventKind.ROLLOUT_STARTED,
    Event.HALT: EventKind.ROLLOUT_HALTED,
    Event.FINISH: EventKind.ROLLOUT_FINISHED,
    Event.ABORT: EventKind.ROLLOUT_ABORTED,
    Event.REJECT: EventKind.ROLLOUT_ABORTED,
}


def told(ledger: "Ledger", kind: EventKind, **more: object) -> Told:
    """The event that says how a rollout stands."""
    plan = ledger.plan
    document = {"rollout_id": ledger.id, "rollout": plan.name, "version": str(plan.version), **more}
    waves = ledger.waves.values()
    match kind:
        case EventKind.ROLLOUT_HALTED:
            document |= {"reason": ledger.reason, "wave": ledger.wave}
        case EventKind.ROLLOUT_ABORTED:
            document |= {"reason": ledger.reason}
        case EventKind.ROLLOUT_FINISHED:
            document |= {
                "reason": ledger.reason,
                "succeeded": sum(wave.succeeded for wave in waves),
                "failed": sum(wave.failed for wave in waves),
                "fell_back": sum(wave.fell_back for wave in waves),
            }
        case _:
            pass
    return Told(kind, document, product=plan.product)
