"""Rollouts, as people make, watch and steer them."""

from collections.abc import Sequence

from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role
from ota_server.page import Page
from ota_server.rollouts import approval, failures, rollout, rollout_view
from ota_server.rollouts import consent as owner
from ota_server.rollouts import preview as dry_run
from ota_server.rollouts.failures import FailureReason
from ota_server.rollouts.members import Member
from ota_server.rollouts.plan import RolloutPlan
from ota_server.rollouts.preview import Preview
from ota_server.rollouts.product_rules import rules_of
from ota_server.rollouts.rollout_view import Rollout
from ota_server.rollouts.states import DeviceState, RolloutState

RETRIED = rollout.RETRIED


def listed(
    desk: Desk,
    *,
    product: str | None = None,
    states: Sequence[RolloutState] = (),
    after: str | None = None,
    limit: int = 100,
) -> Page[Rollout]:
    """The rollouts that the actor sees, the newest first.

    Args:
        desk: who asks.
        product: of this one only.
        states: in one of these only; none for all.
        after: the cursor of the page before.
        limit: how many at most.

    Raises:
        InvalidError: the limit or the cursor is none.
    """
    return rollout_view.listed(
        desk.connection,
        products=desk.products,
        product=product,
        states=states,
        after=after,
        limit=limit,
    )


def find(desk: Desk, rollout_id: int) -> Rollout:
    """One rollout.

    Raises:
        NotFoundError: there is none, or the actor does not see its product; as in all that follow.
    """
    found = rollout_view.find(desk.connection, rollout_id)
    if not desk.sees(found.product):
        raise rollout_view.unknown(rollout_id)
    return found


def named(desk: Desk, product: str, name: str) -> Rollout:
    """One rollout by its name within the product."""
    desk.need(Role.VIEWER, product)
    return rollout_view.named(desk.connection, product, name)


def members(
    desk: Desk,
    rollout_id: int,
    *,
    state: DeviceState | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page[Member]:
    """A rollout's devices in the order of their enrolment, those in one state wave by wave.

    Args:
        desk: who asks.
        rollout_id: which.
        state: in this state only.
        after: the cursor of the page before.
        limit: how many at most.

    Raises:
        InvalidError: the limit or the cursor is none.
    """
    find(desk, rollout_id)
    return rollout.members(desk.connection, rollout_id, state=state, after=after, limit=limit)


def failure_reasons(desk: Desk, rollout_id: int) -> tuple[FailureReason, ...]:
    """Why devices failed or fell back, the most frequent first."""
    find(desk, rollout_id)
    return failures.reasons(desk.connection, rollout_id)


def preview(desk: Desk, plan: RolloutPlan) -> Preview:
    """Who would be in, in which wave, and who would not and why; nothing changes.

    Raises:
        InvalidError: the stepping stone does not lead to the release.
    """
    desk.need(Role.VIEWER, plan.product)
    return dry_run.preview(desk.connection, plan, catalog=desk.catalog, now=desk.now)


def create(desk: Desk, plan: RolloutPlan) -> Rollout:
    """Make a rollout: it starts, or is proposed where the product needs approval. Needs an operator.

    Raises:
        ConflictError: the product has a rollout of this name.
        InvalidError: nobody would take part, or a wave is empty or names a device that cannot.
    """
    desk.need(Role.OPERATOR, plan.product)
    waits = rules_of(desk.connection, plan.product).needs_approval
    by = desk.actor.label if waits else None
    made = rollout.create(desk.connection, plan, catalog=desk.catalog, proposed_by=by, now=desk.now)
    approval.ask(desk.connection, made.id, desk.actor, now=desk.now)
    _note(desk, "create", made, version=str(made.version), group=made.group, proposed=waits)
    return made


def pause(desk: Desk, rollout_id: int, *, reason: str = "") -> Rollout:
    """Offer nothing new; devices that are updating go on. Needs an operator.

    Raises:
        ConflictError: its state does not allow it, as in all that follow.
    """
    _operated(desk, rollout_id)
    after = rollout.pause(desk.connection, rollout_id, reason=reason, now=desk.now)
    _note(desk, "pause", after, reason=reason)
    return after


def resume(desk: Desk, rollout_id: int, *, seen: RolloutState | None = None) -> Rollout:
    """Go on, in spite of what has failed so far. Needs an operator.

    One that halted, of a product that needs approval, needs an approver who did not make it.

    Args:
        desk: who asks.
        rollout_id: which.
        seen: the state that the person saw who decided: one that has halted since is not resumed.

    Raises:
        ForbiddenError: the actor made it.
    """
    found = _operated(desk, rollout_id)
    # it may halt between this look and the one under the rollout's lock
    if (
        RolloutState.HALTED in {found.state, seen}
        and rules_of(desk.connection, found.product).needs_approval
    ):
        desk.need(Role.APPROVER, found.product)
        approval.check_second(desk.connection, rollout_id, desk.actor)
    after = rollout.resume(desk.connection, rollout_id, seen=seen or found.state, now=desk.now)
    _note(desk, "resume", after, was=found.state.value)
    return after


def abort(desk: Desk, rollout_id: int, *, reason: str = "") -> Rollout:
    """End it for good: who has the release in a slot goes on with it. Needs an operator."""
    _operated(desk, rollout_id)
    after = rollout.abort(desk.connection, rollout_id, reason=reason, now=desk.now)
    _note(desk, "abort", after, reason=reason)
    return after


def retry(
    desk: Desk,
    rollout_id: int,
    *,
    states: Sequence[DeviceState] = RETRIED,
    device_ids: Sequence[str] = (),
) -> int:
    """Give it once more to devices that failed, fell back or were silent. Needs an operator.

    Args:
        desk: who asks.
        rollout_id: which.
        states: of ``RETRIED``.
        device_ids: these only; none for all.

    Returns:
        To how many.

    Raises:
        InvalidError: other states cannot be tried again.
    """
    found = _operated(desk, rollout_id)
    again = rollout.retry(
        desk.connection, rollout_id, states=states, device_ids=device_ids, now=desk.now
    )
    _note(desk, "retry", found, devices=again)
    return again


def consent(desk: Desk, rollout_id: int, device_id: str) -> Rollout:
    """Agree in the name of a device's owner, who has said so to a person. Needs an operator.

    Raises:
        ConflictError: the rollout is over or asks nobody, or the device does not wait any more.
    """
    found = _operated(desk, rollout_id)
    owner.consent(desk.connection, rollout_id, device_id)
    desk.note("rollout.consent", device_id, product=found.product, id=found.id, rollout=found.name)
    return found


def _operated(desk: Desk, rollout_id: int) -> Rollout:
    found = find(desk, rollout_id)
    desk.need(Role.OPERATOR, found.product)
    return found


def _note(desk: Desk, what: str, found: Rollout, **detail: object) -> None:
    target = f"{found.product}/{found.name}"
    desk.note(f"rollout.{what}", target, product=found.product, id=found.id, **detail)
