"""Four eyes: what one person proposes, another one approves or rejects."""

from ota_server.operations import rollouts
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role
from ota_server.rollouts import approval
from ota_server.rollouts.approval import Approval
from ota_server.rollouts.rollout_view import Rollout
from ota_server.rollouts.states import RolloutState


def find(desk: Desk, rollout_id: int) -> Approval | None:
    """Who made a rollout, and who decided; None if it was made by an older ota-server.

    Raises:
        NotFoundError: there is no such rollout, or the actor does not see its product; as in all that
            follow.
    """
    return approval.of(desk.connection, rollouts.find(desk, rollout_id).id)


def may_decide(desk: Desk, rollout_id: int) -> bool:
    """Whether the actor could approve or reject it now: for pages that show a button or not."""
    found = rollouts.find(desk, rollout_id)
    return (
        found.state is RolloutState.PROPOSED
        and desk.actor.may(Role.APPROVER, found.product)
        and approval.is_second(desk.connection, rollout_id, desk.actor)
    )


def approve(desk: Desk, rollout_id: int, *, comment: str = "") -> Rollout:
    """Agree to a proposed rollout: it starts, at once or when its plan says.

    Needs an approver who did not make it, neither in person nor by a token.

    Raises:
        ForbiddenError: the same person made it, or the token is nobody's.
        ConflictError: it is not proposed.
        InvalidError: the comment is too long.
    """
    desk.need(Role.APPROVER, rollouts.find(desk, rollout_id).product)
    approval.approve(desk.connection, rollout_id, desk.actor, comment=comment, now=desk.now)
    return _noted(desk, "approve", rollout_id, comment)


def reject(desk: Desk, rollout_id: int, *, comment: str = "") -> Rollout:
    """Decline a proposed rollout, for good; else as ``approve``. Who made it ends it with ``abort``."""
    desk.need(Role.APPROVER, rollouts.find(desk, rollout_id).product)
    approval.reject(desk.connection, rollout_id, desk.actor, comment=comment, now=desk.now)
    return _noted(desk, "reject", rollout_id, comment)


def _noted(desk: Desk, what: str, rollout_id: int, comment: str) -> Rollout:
    after = rollouts.find(desk, rollout_id)
    target = f"{after.product}/{after.name}"
    desk.note(f"rollout.{what}", target, product=after.product, id=rollout_id, comment=comment)
    return after
