"""What a device is offered that several rollouts want to have."""

import pytest
from sqlalchemy import insert, select
from support.device_api import report
from support.fleet import Releases, make_plan

from ota_client.formats.version import Version
from ota_server.database import schema
from ota_server.rollouts import rollout


@pytest.fixture
def device(api):
    one = api.device()
    one.check_in()
    return one


def roll_out(api, name, version, **plan):
    """A further rollout to the group of the first."""
    releases = Releases()
    releases.put(version)
    planned = make_plan(name=name, version=Version.parse(version), **plan)
    with api.database.begin() as connection:
        return rollout.create(connection, planned, catalog=releases, now=api.now).id


def test_a_rollout_that_waits_for_the_owner_does_not_hide_the_others(api, device):
    api.roll_out(device, forced=False, priority=9)
    asked = device.check_in().json["assignment"]
    assert asked["consent_wanted"] is True
    roll_out(api, "fix", "1.0.1")
    given = device.check_in().json["assignment"]
    assert (given["version"], given["consent_wanted"]) == ("1.0.1", False)
    device.report(report(1, "confirmed", "1.0.1", assignment=given["id"]))
    # what the owner is asked is as it was
    assert device.check_in(running_version="1.0.1").json["assignment"] == asked


def test_what_the_owner_has_agreed_to_comes_before_what_ranks_below_it(api, device):
    api.roll_out(device, forced=False, priority=9)
    asked = device.check_in().json["assignment"]
    roll_out(api, "fix", "1.0.1")
    given = device.check_in(consent=asked["id"]).json["assignment"]
    assert given == {**asked, "consent_wanted": False}


def test_the_first_of_two_questions_is_asked(api, device):
    api.roll_out(device, forced=False)
    roll_out(api, "later", "1.2.0", forced=False)
    assert device.check_in().json["assignment"]["version"] == "1.1.0"


def test_a_question_costs_no_transaction(api, device, monkeypatch):
    api.roll_out(device, forced=False)
    asked = device.check_in().json
    with monkeypatch.context() as patched:
        patched.setattr(api.database, "_transaction", None)
        assert device.check_in().json == asked


def test_who_cannot_take_it_any_more_is_not_asked_and_is_counted(api, device):
    api.roll_out(device, forced=False)
    assert "assignment" not in device.check_in(running_version="1.2.0").json
    (place,) = api.rows(schema.rollout_devices)
    assert (place.state, place.code) == ("refused", "downgrade")


def test_halted_rollouts_that_nobody_aborted_do_not_hide_the_one_that_runs(api, device):
    api.roll_out(device, name="first")
    with api.database.begin() as connection:
        (old,) = connection.execute(select(schema.rollouts)).mappings()
        (place,) = connection.execute(select(schema.rollout_devices)).mappings()
        for number in range(2, 21):
            halted = {**old, "id": number, "name": f"old-{number}", "state": "halted", "priority": 5}
            connection.execute(insert(schema.rollouts).values(halted))
            connection.execute(
                insert(schema.rollout_devices).values({**place, "id": number, "rollout_id": number})
            )
    assert device.check_in().json["assignment"]["id"] == place["id"]


def test_reports_of_a_rollout_that_this_version_cannot_read_wait_and_are_not_dropped(api, device):
    """A device drops a report that is 422, and keeps one that is 503."""
    api.roll_out(device)
    number = device.check_in().json["assignment"]["id"]
    (old,) = api.rows(schema.rollouts)
    api.set(schema.rollouts, {"id": old.id}, plan='{"of_a_newer_version":true}')
    answer = device.report(report(1, "confirmed", assignment=number))
    assert (answer.status, "retry-after" in answer.headers) == (503, True)
    api.set(schema.rollouts, {"id": old.id}, plan=old.plan)
    assert device.report(report(1, "confirmed", assignment=number)).json == {"accepted": 1}
    assert api.rows(schema.rollout_devices)[0].state == "succeeded"
