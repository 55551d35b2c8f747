"""Four eyes: where a product asks for it, what one person proposes starts when another one agrees."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from ota_server.database.operators_schema import approvals
from ota_server.errors import ForbiddenError, InvalidError
from ota_server.operators.actor import Actor, ActorKind
from ota_server.rollouts.ledger import Ledger, open_ledger
from ota_server.rollouts.progress import start_if_due
from ota_server.rollouts.states import Event

COMMENT_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Approval:
    """Who asked for a rollout, and who decided.

    Attributes:
        asked_by: the actor's label, such as ``operator:mia``.
        decided_by: None while nobody decided, or nobody has to; so are the two behind it.
        verdict: ``approved`` or ``rejected``.
    """

    rollout_id: int
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    verdict: str | None
    comment: str


def ask(connection: Connection, rollout_id: int, actor: Actor, *, now: datetime) -> None:
    """Remember who made a rollout, whether or not somebody has to agree to it."""
    row = {
        "rollout_id": rollout_id,
        "asked_by": actor.label,
        "asked_operator_id": actor.operator_id,
        "asked_at": int(now.timestamp()),
    }
    connection.execute(insert(approvals).values(row))


def of(connection: Connection, rollout_id: int) -> Approval | None:
    """Who asked and who decided; None for a rollout that was made before this was kept."""
    row = connection.execute(select(approvals).filter_by(rollout_id=rollout_id)).first()
    return None if row is None else _approval(row)


def is_second(connection: Connection, rollout_id: int, actor: Actor) -> bool:
    """Whether the actor is somebody else than who made the rollout."""
    try:
        check_second(connection, rollout_id, actor)
    except ForbiddenError:
        return False
    return True


def check_second(connection: Connection, rollout_id: int, actor: Actor) -> None:
    """Make sure that a second person decides: nobody who asked, by whatever way.

    Raises:
        ForbiddenError: the actor asked, or acts for the person who did, or for no person.
    """
    if actor.kind is ActorKind.TOKEN and actor.operator_id is None:
        raise ForbiddenError(
            "expected a person who decides, got an API token that is nobody's: it would be a second "
            "program, and no second pair of eyes"
        )
    row = connection.execute(select(approvals).filter_by(rollout_id=rollout_id)).first()
    if row is None:
        return
    same_person = actor.operator_id is not None and actor.operator_id == row.asked_operator_id
    if same_person or actor.label == row.asked_by:
        raise ForbiddenError(
            f"expected another person than {row.asked_by}, who made this rollout; who made it can end it"
        )


def approve(
    connection: Connection, rollout_id: int, actor: Actor, *, comment: str = "", now: datetime
) -> None:
    """Agree to a proposed rollout: it starts, at once or when its plan says.

    Args:
        connection: in a transaction that writes.
        rollout_id: of a proposed one.
        actor: who decides.
        comment: kept with the rollout.
        now: UTC.

    Raises:
        NotFoundError: there is no such rollout.
        ConflictError: it is not proposed.
        ForbiddenError: the same person made it.
    """
    ledger = _decide(connection, rollout_id, actor, Event.APPROVE, comment, now)
    start_if_due(ledger, now=now)
    ledger.save(now=now)


def reject(
    connection: Connection, rollout_id: int, actor: Actor, *, comment: str = "", now: datetime
) -> None:
    """Decline a proposed rollout, for good; arguments and errors as of ``approve``."""
    ledger = _decide(connection, rollout_id, actor, Event.REJECT, comment, now)
    ledger.withdraw_pending(now=now)
    ledger.save(now=now)


def _decide(
    connection: Connection, rollout_id: int, actor: Actor, event: Event, comment: str, now: datetime
) -> Ledger:
    if len(comment) > COMMENT_LONGEST:
        raise InvalidError(f"comment: expected at most {COMMENT_LONGEST} characters, got {len(comment)}")
    ledger = open_ledger(connection, rollout_id)
    check_second(connection, rollout_id, actor)
    ledger.happen(event, comment if event is Event.REJECT else "")
    verdict = "approved" if event is Event.APPROVE else "rejected"
    decided = {
        "decided_by": actor.label,
        "decided_at": int(now.timestamp()),
        "verdict": verdict,
        "comment": comment,
    }
    connection.execute(update(approvals).filter_by(rollout_id=rollout_id).values(decided))
    return ledger


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        rollout_id=row.rollout_id,
        asked_by=row.asked_by,
        asked_at=datetime.fromtimestamp(row.asked_at, UTC),
        decided_by=row.decided_by,
        decided_at=None if row.decided_at is None else datetime.fromtimestamp(row.decided_at, UTC),
        verdict=row.verdict,
        comment=row.comment,
    )
