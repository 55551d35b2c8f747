"""What happens in the fleet is an event of the very transaction in which it happens."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from support import fleet
from support.office import ALPHA, plan

from ota_client.protocol import ReportState
from ota_server.database.events_schema import events
from ota_server.operations import devices, rollouts
from ota_server.reports import accept
from ota_server.rollouts.claim import claim
from ota_server.rollouts.penalty import FleetRules
from ota_server.rollouts.plan import HaltCondition, WavePlan


def told(office, after=2):
    """Those behind the two with which the office begins."""
    with office.database.read() as connection:
        wanted = select(events).where(events.c.id > after).order_by(events.c.id)
        return connection.execute(wanted).all()


def answer(office, device_id, state, rollout_id=1, version="1.1.0"):
    with office.database.begin() as connection:
        place = fleet.places(connection, rollout_id, device_id)[device_id]
        claim(connection, place.id, now=office.now)
        said = fleet.report(place.id, state, version, code="no-boot", sequence=rollout_id)
        accept(connection, place.device_pk, "a" * 32, [said], now=office.now, rules=FleetRules())


def test_a_rollout_that_ends_well_is_told_with_its_figures(office):
    for device in ("alpha-1", "alpha-2"):
        answer(office, device, ReportState.CONFIRMED)
    (one,) = told(office)
    assert (one.kind, one.product) == ("rollout.finished", ALPHA)
    assert '"succeeded":2' in one.document


def test_a_fallback_and_the_halt_that_it_sets_off_are_told_together(office):
    with office.desk() as desk:
        rollouts.abort(desk, 1, reason="over")
        waves = (WavePlan.taking("rest", halt=HaltCondition(count=1)),)
        made = rollouts.create(desk, plan(ALPHA, "careful", waves=waves))
    answer(office, "alpha-1", ReportState.FELL_BACK, made.id)
    aborted, started, *rest = told(office)
    assert (aborted.kind, started.kind) == ("rollout.aborted", "rollout.started")
    assert '"reason":"over"' in aborted.document
    assert {one.kind for one in rest} == {"rollout.halted", "device.fell-back"}
    fell_back = next(one for one in rest if one.kind == "device.fell-back")
    assert (fell_back.device_id, fell_back.product) == ("alpha-1", ALPHA)
    assert '"code":"no-boot"' in fell_back.document
    assert '"rollout":"alpha-careful"' in fell_back.document


def test_a_fallback_outside_of_a_rollout_is_told_too(office):
    with office.database.begin() as connection:
        pk = fleet.places(connection, 1, "alpha-1")["alpha-1"].device_pk
        said = fleet.report(None, ReportState.FELL_BACK)
        accept(connection, pk, "a" * 32, [said, said], now=office.now, rules=FleetRules())
    (one,) = told(office)
    assert (one.kind, '"rollout_id":null' in one.document) == ("device.fell-back", True)


def test_who_leaves_the_fleet_is_told_once(office):
    with office.desk() as desk:
        devices.revoke(desk, "alpha-1", reason="stolen")
        devices.revoke(desk, "alpha-1")
        devices.decommission(desk, "alpha-2", reason="scrapped")
        devices.decommission(desk, "alpha-2")
    assert [(one.kind, one.device_id, one.document) for one in told(office) if one.device_id] == [
        ("device.revoked", "alpha-1", '{"reason":"stolen"}'),
        ("device.decommissioned", "alpha-2", '{"reason":"scrapped"}'),
    ]


def test_what_is_undone_is_not_told(office):
    with office.trial() as desk:
        devices.revoke(desk, "alpha-1")
    assert told(office) == []


@pytest.mark.parametrize("state", [ReportState.DOWNLOADING, ReportState.INSTALLED, ReportState.TRIAL])
def test_a_step_on_the_way_is_not_told(office, state):
    answer(office, "alpha-1", state)
    assert told(office) == []


def test_time_alone_starts_a_rollout_and_that_is_told(office):
    from ota_server.rollouts.stepping import step

    later = office.now + timedelta(hours=1)
    with office.desk() as desk:
        rollouts.create(desk, plan(ALPHA, "later", starts_at=later))
    assert told(office) == []
    with office.database.begin() as connection:
        step(connection, now=later)
    assert [one.kind for one in told(office)] == ["rollout.started"]
