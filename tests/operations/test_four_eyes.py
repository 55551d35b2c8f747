"""A second person's approval, by whatever way the two come."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.office import ALPHA, plan

from ota_server.database.events_schema import events
from ota_server.database.schema import rollouts as rollout_rows
from ota_server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from ota_server.operations import approvals, groups, products, rollouts
from ota_server.operators.actor import Actor, ActorKind, Role
from ota_server.rollouts.product_rules import ProductRules
from ota_server.rollouts.rollout import create
from ota_server.rollouts.states import RolloutState
from ota_server.rollouts.stepping import step


@pytest.fixture
def watched(office):
    """Alpha needs approval, mia has proposed a rollout, and ann is an approver."""
    with office.desk() as desk:
        products.set_rules(desk, ALPHA, ProductRules(needs_approval=True))
    office.mia = office.person("alpha-mia", Role.ADMIN)
    office.ann = office.hire("ann", "approver:alpha")
    with office.desk(office.mia) as desk:
        office.proposed = rollouts.create(desk, plan(ALPHA))
    return office


def decide(office, actor, act=approvals.approve, **values):
    with office.desk(actor) as desk:
        return act(desk, office.proposed.id, **values)


def halt(office, rollout_id):
    with office.database.begin() as connection:
        mine = rollout_rows.update().filter_by(id=rollout_id)
        connection.execute(mine.values(state="halted", reason="bad"))


def kinds(office):
    with office.database.read() as connection:
        return list(connection.scalars(select(events.c.kind).order_by(events.c.id)))


def test_without_the_rule_a_rollout_starts_at_once(office):
    with office.desk(office.person("alpha-mia")) as desk:
        made = rollouts.create(desk, plan(ALPHA))
        assert made.state is RolloutState.RUNNING
        assert approvals.find(desk, made.id).asked_by == "operator:alpha-mia"


def test_with_the_rule_it_is_proposed_and_offers_nothing(watched):
    assert watched.proposed.state is RolloutState.PROPOSED
    with watched.database.begin() as connection:
        step(connection, now=watched.now + timedelta(days=400))
    with watched.desk(watched.mia) as desk:
        assert rollouts.find(desk, watched.proposed.id).state is RolloutState.PROPOSED
        (proposed,) = rollouts.listed(desk, states=[RolloutState.PROPOSED]).items
        assert proposed.id == watched.proposed.id


def test_another_approver_starts_it(watched):
    assert decide(watched, watched.ann, comment="looks good").state is RolloutState.RUNNING
    with watched.desk(watched.mia) as desk:
        found = approvals.find(desk, watched.proposed.id)
    assert (found.decided_by, found.verdict, found.comment) == ("operator:ann", "approved", "looks good")
    assert kinds(watched)[-2:] == ["rollout.proposed", "rollout.started"]


def test_one_that_is_to_start_later_does(watched):
    with watched.desk(watched.mia) as desk:
        later = watched.now + timedelta(hours=1)
        watched.proposed = rollouts.create(desk, plan(ALPHA, "later", starts_at=later))
    assert decide(watched, watched.ann).state is RolloutState.SCHEDULED
    with watched.database.begin() as connection:
        step(connection, now=later)
    with watched.desk() as desk:
        assert rollouts.find(desk, watched.proposed.id).state is RolloutState.RUNNING


def test_another_approver_rejects_it_for_good(watched):
    rejected = decide(watched, watched.ann, approvals.reject, comment="not on a Friday")
    assert (rejected.state, rejected.reason) == (RolloutState.ABORTED, "not on a Friday")
    assert [wave.withdrawn for wave in rejected.waves] == [2]
    assert kinds(watched)[-1] == "rollout.aborted"
    for act in (approvals.approve, approvals.reject):
        with pytest.raises(ConflictError, match="the rollout is aborted"):
            decide(watched, watched.ann, act)


@pytest.mark.parametrize("act", [approvals.approve, approvals.reject])
def test_who_made_it_cannot_decide_by_any_way(watched, act):
    token = Actor(ActorKind.TOKEN, "mias-token", {"*": Role.ADMIN}, watched.mia.operator_id)
    for same in (watched.mia, replace(watched.mia, grants={"*": Role.ADMIN}), token):
        with pytest.raises(ForbiddenError, match="expected another person than operator:alpha-mia"):
            decide(watched, same, act)


def test_who_proposed_by_a_token_cannot_approve_in_person(watched):
    token = Actor(ActorKind.TOKEN, "anns-token", {ALPHA: Role.OPERATOR}, watched.ann.operator_id)
    with watched.desk(token) as desk:
        watched.proposed = rollouts.create(desk, plan(ALPHA, "second"))
    with pytest.raises(ForbiddenError, match="another person than token:anns-token"):
        decide(watched, watched.ann)
    assert decide(watched, watched.mia).state is RolloutState.RUNNING


def test_one_account_of_the_machine_is_one_person(watched):
    with watched.desk() as desk:
        watched.proposed = rollouts.create(desk, plan(ALPHA, "second"))
    with pytest.raises(ForbiddenError, match="another person than machine:root"):
        decide(watched, None)
    assert decide(watched, Actor.machine("ann")).state is RolloutState.RUNNING


def test_a_token_that_is_nobody_s_is_no_second_pair_of_eyes(watched):
    with pytest.raises(ForbiddenError, match="an API token that is nobody's"):
        decide(watched, Actor(ActorKind.TOKEN, "ci", {"*": Role.ADMIN}))


def test_deciding_needs_the_role(watched):
    bob = watched.hire("bob", "operator:alpha")
    with pytest.raises(ForbiddenError, match="the role approver for alpha, got operator"):
        decide(watched, bob)
    with pytest.raises(NotFoundError):
        decide(watched, watched.person("beta-mia", Role.ADMIN, "beta"))


def test_a_page_knows_who_could_decide(watched):
    for actor, may in ((watched.ann, True), (watched.mia, False), (Actor.machine("root"), True)):
        with watched.desk(actor) as desk:
            assert approvals.may_decide(desk, watched.proposed.id) is may
            assert not approvals.may_decide(desk, 1)


def test_who_made_it_may_end_it_but_not_change_its_state_otherwise(watched):
    with pytest.raises(ConflictError, match="abort, approve, reject"), watched.desk() as desk:
        rollouts.pause(desk, watched.proposed.id)
    with watched.desk(watched.mia) as desk:
        ended = rollouts.abort(desk, watched.proposed.id, reason="a slip")
    assert ended.state is RolloutState.ABORTED


def test_a_comment_has_an_end(watched):
    with pytest.raises(InvalidError, match="at most 1000 characters"):
        decide(watched, watched.ann, comment="x" * 1001)


def test_a_halted_one_goes_on_by_a_second_person_only(watched):
    decide(watched, watched.ann)
    halt(watched, watched.proposed.id)
    with pytest.raises(ForbiddenError, match="another person"):
        decide(watched, watched.mia, rollouts.resume)
    with pytest.raises(ForbiddenError, match="the role approver"):
        decide(watched, watched.hire("bob", "operator:alpha"), rollouts.resume)
    assert decide(watched, watched.ann, rollouts.resume).state is RolloutState.RUNNING


def test_a_pause_is_taken_back_by_any_operator(watched):
    decide(watched, watched.ann)
    decide(watched, watched.ann, rollouts.pause)
    bob = watched.hire("bob", "operator:alpha")
    assert decide(watched, bob, rollouts.resume).state is RolloutState.RUNNING


def test_one_that_halted_since_somebody_looked_is_not_resumed(watched):
    decide(watched, watched.ann)
    halt(watched, watched.proposed.id)
    with pytest.raises(ConflictError, match="was paused and is halted now"):
        decide(watched, watched.ann, rollouts.resume, seen=RolloutState.PAUSED)


def test_what_was_agreed_to_is_not_widened_by_the_group_s_query(watched):
    bob = watched.hire("bob", "operator:alpha")

    def edit(actor):
        with watched.desk(actor) as desk:
            return groups.edit(desk, ALPHA, "alpha-group", "device_id = alpha-1")

    with pytest.raises(ForbiddenError, match="the role approver"):
        edit(bob)
    assert edit(watched.ann).devices == 1


def test_a_rollout_of_which_nobody_knows_who_made_it_can_be_resumed_by_an_approver(watched):
    with watched.database.begin() as connection:
        made = create(connection, plan(ALPHA, "old"), catalog=watched.catalog, now=watched.now)
    halt(watched, made.id)
    watched.proposed = made
    assert decide(watched, watched.mia, rollouts.resume).state is RolloutState.RUNNING
