"""B12: what a second person agreed to is widened neither by who proposed it nor by an operator."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from support.fleet import make_plan
from support.office import ALPHA, Office

from ota_server.database.schema import rollout_devices
from ota_server.database.schema import rollouts as rollout_rows
from ota_server.errors import ForbiddenError
from ota_server.operations import approvals, devices, groups, products, rollouts
from ota_server.operators.actor import Role
from ota_server.rollouts.product_rules import ProductRules
from ota_server.rollouts.states import RolloutState

GROUP = "few"


@pytest.fixture
def office(tmp_path):
    """Alpha needs approval; ann is an approver, mia too, and bob an operator."""
    office = Office(tmp_path)
    office.mia = office.person("alpha-mia", Role.ADMIN)
    office.ann = office.hire("ann", "approver:alpha")
    office.bob = office.hire("bob", "operator:alpha")
    with office.desk() as desk:
        devices.change_tags(desk, "alpha-1", add=["few"])
        groups.create(desk, ALPHA, GROUP, "tag = few")
        products.set_rules(desk, ALPHA, ProductRules(needs_approval=True))
        rollouts.abort(desk, rollouts.named(desk, ALPHA, "alpha-spring").id)
    yield office
    office.close()


def propose(office, **values):
    with office.desk(office.ann) as desk:
        wanted = make_plan(product=ALPHA, name="careful", group=GROUP, **values)
        office.made = rollouts.create(desk, wanted).id
    with office.desk(office.mia) as desk:
        approvals.approve(desk, office.made)


def members(office):
    mine = select(rollout_devices).filter_by(rollout_id=office.made)
    with office.database.read() as connection:
        return len(connection.execute(mine).all())


def widen_by_query(desk):
    groups.edit(desk, ALPHA, GROUP, f"product = {ALPHA}")


def widen_by_tag(desk):
    devices.change_tags(desk, "alpha-2", add=["few"])


WIDEN = pytest.mark.parametrize("widen", [widen_by_query, widen_by_tag])


@pytest.mark.walk(2)
@WIDEN
@pytest.mark.parametrize("who", ["bob", "ann"])
def test_b12_neither_an_operator_nor_who_proposed_widens_an_open_rollout(office, widen, who):
    propose(office)
    with pytest.raises(ForbiddenError), office.desk(getattr(office, who)) as desk:
        widen(desk)
    assert members(office) == 1


@pytest.mark.walk(2)
@WIDEN
@pytest.mark.parametrize("who", ["bob", "ann"])
def test_b12_nor_one_that_finished_and_stays_open(office, widen, who):
    propose(office, stays_open=True)
    with office.database.begin() as connection:
        finished = rollout_rows.update().filter_by(id=office.made)
        connection.execute(finished.values(state=RolloutState.FINISHED.value))
    with pytest.raises(ForbiddenError), office.desk(getattr(office, who)) as desk:
        widen(desk)
    assert members(office) == 1


@WIDEN
def test_b12_a_second_approver_may(office, widen):
    propose(office)
    with office.desk(office.mia) as desk:
        widen(desk)
    assert members(office) == 2


def test_b12_tags_that_bring_nobody_into_a_rollout_are_any_operator_s(office):
    propose(office)
    with office.desk(office.bob) as desk:
        assert "kitchen" in devices.change_tags(desk, "alpha-2", add=["kitchen"])
        assert devices.change_tags(desk, "alpha-1", remove=["few"]) == ()


def test_b12_saying_that_one_saw_a_halt_does_not_spare_the_second_person(office):
    """Else the halt that comes between two looks would be resumed by an operator alone."""
    propose(office)
    with office.desk(office.mia) as desk:
        rollouts.pause(desk, office.made)
    with pytest.raises(ForbiddenError), office.desk(office.bob) as desk:
        rollouts.resume(desk, office.made, seen=RolloutState.HALTED)
    office.now += timedelta(seconds=1)
    with office.desk(office.bob) as desk:
        assert rollouts.resume(desk, office.made).state is RolloutState.RUNNING
