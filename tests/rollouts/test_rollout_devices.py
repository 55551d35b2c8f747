"""One device in a rollout: claims, consent, stepping stones, retries, silence, coming late."""

from datetime import timedelta

import pytest
from support.fleet import penalty

from ota_client.formats.version import Version
from ota_client.protocol import ReportState
from ota_server.errors import InvalidError, NotFoundError
from ota_server.rollouts.penalty import FleetRules
from ota_server.rollouts.windows import MaintenanceWindow

STONE = Version.parse("1.0.5")


def stepping(story):
    """1.1.0 needs 1.0.5, and all devices run 1.0.0."""
    story.releases.put("1.1.0", min_version="1.0.5")
    story.releases.put("1.0.5")


def test_a_place_is_claimed_once_and_told_again(story):
    story.create(max_in_flight=1)
    first = story.claim("cam-1")
    assert first == story.claim("cam-1") == story.held("cam-1")
    assert story.show().in_flight == 1
    assert story.place("cam-1").attempts == 1


def test_no_more_devices_than_allowed_update_at_once(story):
    story.create(max_in_flight=2)
    assert story.claim("cam-1")
    assert story.claim("cam-2")
    assert story.claim("cam-3") is None
    story.tell("cam-1", ReportState.CONFIRMED)
    assert story.claim("cam-3")


def test_outside_its_windows_nothing_is_offered_and_who_has_begun_goes_on(story):
    story.create(windows=(MaintenanceWindow.parse("11:00-13:00"),))
    assert story.claim("cam-1")
    story.now += timedelta(hours=2)
    assert story.claim("cam-2") is None
    assert story.claim("cam-1") == story.held("cam-1") is not None
    story.now += timedelta(hours=22)
    assert story.claim("cam-2")


def test_an_owner_is_asked_first_and_that_takes_no_place(story):
    story.create(forced=False, max_in_flight=1)
    asked = story.claim("cam-1")
    assert asked.consent_wanted
    assert story.show().in_flight == 0
    agreed = story.claim("cam-1", consented=True)
    assert (agreed.id, agreed.consent_wanted) == (asked.id, False)
    assert story.states()["cam-1"] == "assigned"


def test_an_owner_who_agreed_while_no_place_was_free_is_not_asked_again(story):
    story.create(forced=False, max_in_flight=1)
    story.claim("cam-1", consented=True)
    assert story.claim("cam-2", consented=True) is None
    story.tell("cam-1", ReportState.CONFIRMED)
    assert story.claim("cam-2").consent_wanted is False


def test_a_device_updates_one_thing_at_a_time(story):
    story.create()
    other = story.create(name="other", version=Version.parse("1.2.0"))
    story.claim("cam-1")
    assert story.claim("cam-1", other.id) is None
    story.tell("cam-1", ReportState.FAILED)
    assert story.claim("cam-1", other.id)


@pytest.mark.parametrize(
    "values",
    [
        {"status": "revoked"},
        {"phase": "trial"},
        {"phase": "installed"},
        {"running_version": None},
        {"penalty_until": 2**31},
    ],
)
def test_a_device_that_cannot_take_it_now_gets_nothing(story, values):
    story.create()
    story.set("cam-1", **values)
    assert story.claim("cam-1") is None


@pytest.mark.parametrize(
    ("values", "state", "code"),
    [
        ({"running_version": "1.1.0"}, "succeeded", ""),
        ({"running_version": "1.1.1"}, "refused", "downgrade"),
        ({"rollback_index": 2}, "refused", "rollback-index"),
        ({"hardware_id": "cam-v3"}, "refused", "hardware-mismatch"),
    ],
)
def test_a_release_that_a_device_would_refuse_by_now_is_not_offered(story, values, state, code):
    story.create()
    story.set("cam-1", **values)
    assert story.claim("cam-1") is None
    assert (story.place("cam-1").state, story.place("cam-1").code) == (state, code)


def test_a_stepping_stone_comes_first_and_then_the_release(story):
    stepping(story)
    story.create(via=STONE)
    stone = story.claim("cam-1")
    assert stone.version == STONE
    assert story.tell("cam-1", ReportState.CONFIRMED, version="1.0.5") == "pending"
    assert story.show().waves[0].succeeded == 0
    story.set("cam-1", running_version="1.0.5")
    # the last word about the stone came twice
    assert story.tell("cam-1", ReportState.FELL_BACK, version="1.0.5") == "pending"
    release = story.claim("cam-1")
    assert (release.id, str(release.version)) == (stone.id, "1.1.0")
    assert story.tell("cam-1", ReportState.CONFIRMED) == "succeeded"


def test_a_device_on_its_stepping_stone_stays_though_it_left_the_group(story):
    stepping(story)
    story.create(via=STONE)
    story.claim("cam-1")
    story.tell("cam-1", ReportState.CONFIRMED, version="1.0.5")
    story.leave("cam-1")
    assert story.states()["cam-1"] == "pending"


def test_without_a_stepping_stone_devices_below_it_are_left_out(story):
    stepping(story)
    story.set("cam-1", running_version="1.0.5")
    story.create()
    assert story.states() == {"cam-1": "pending"}


def test_a_stepping_stone_must_lead_to_the_release(story):
    stepping(story)
    story.releases.put("1.0.4")
    with pytest.raises(InvalidError, match=r"at least 1\.0\.5\), got 1\.0\.4"):
        story.create(via=Version.parse("1.0.4"))
    with pytest.raises(InvalidError, match="needs no stepping stone"):
        story.create(version=Version.parse("1.2.0"), via=STONE)
    with pytest.raises(NotFoundError):
        story.create(via=Version.parse("1.0.9"))


def test_a_device_that_failed_is_given_it_again_as_often_as_the_plan_says(story):
    story.create(retries=1)
    story.update(["cam-1"], ReportState.FAILED)
    assert story.states()["cam-1"] == "pending"
    assert story.show().waves[0].bad == 0
    story.update(["cam-1"], ReportState.FAILED)
    assert story.states()["cam-1"] == "failed"


def test_a_device_that_fell_back_is_not_given_it_again(story):
    story.create(retries=5)
    story.update(["cam-1"], ReportState.FELL_BACK)
    assert story.states()["cam-1"] == "fell_back"


def test_a_silent_device_gives_its_place_back_and_its_late_answer_counts(story):
    story.create(answer_within_s=3600, max_in_flight=1)
    story.claim("cam-1")
    story.later(3500)
    story.tell("cam-1", ReportState.DOWNLOADING)
    story.later(3500)
    assert story.states()["cam-1"] == "downloading"
    story.later(101)
    assert story.states()["cam-1"] == "silent"
    assert story.claim("cam-2")
    # no place is free: it is at work nevertheless, and counted when it has answered
    assert story.tell("cam-1", ReportState.INSTALLED) == "silent"
    story.tell("cam-2", ReportState.CONFIRMED)
    assert story.tell("cam-1", ReportState.TRIAL) == "trial"
    assert story.tell("cam-1", ReportState.CONFIRMED) == "succeeded"


def test_a_silent_device_is_given_it_again_when_it_comes_back(story):
    story.create(answer_within_s=3600, retries=1)
    story.claim("cam-1")
    story.later(3601)
    assert story.states()["cam-1"] == "silent"
    story.later(60)
    story.here("cam-1")
    story.later(60)
    assert story.states()["cam-1"] == "pending"
    story.claim("cam-1")
    story.here("cam-1")
    story.later(3601)
    story.here("cam-1")
    story.later(60)
    # its retries are used up
    assert story.states()["cam-1"] == "silent"


def test_a_wave_of_silent_devices_does_not_open_the_next(story):
    story.create("2", "rest", answer_within_s=3600)
    for device_id in story.of_wave(1):
        story.claim(device_id)
    story.later(3601)
    assert (story.show().state, story.show().wave) == ("halted", 1)
    assert "2 silent" in story.show().reason


def test_a_report_that_is_out_of_date_changes_nothing(story):
    story.create()
    story.claim("cam-1")
    assert story.tell("cam-1", ReportState.CONFIRMED, version="1.0.9") == "assigned"
    assert story.tell("cam-2", ReportState.CONFIRMED) == "pending"
    assert story.tell("cam-1", ReportState.CONFIRMED) == "succeeded"
    assert story.tell("cam-1", ReportState.DOWNLOADING, ReportState.FAILED) == "succeeded"


def test_a_report_about_another_devices_assignment_changes_nothing(story):
    from support.fleet import report

    from ota_server.rollouts.answers import answer

    story.create()
    foreign = story.claim("cam-1").id
    with story.database.begin() as connection:
        answer(connection, story.pks["cam-2"], report(foreign, ReportState.FELL_BACK), now=story.now)
        answer(connection, story.pks["cam-2"], report(None, ReportState.FELL_BACK), now=story.now)
    assert story.states()["cam-1"] == "assigned"


def test_a_device_that_fails_again_and_again_is_left_alone_for_a_while(story):
    story.rules = FleetRules(penalty_failures=2, penalty_within_s=3600, penalty_s=7200)
    story.create(retries=10)
    story.update(["cam-1"], ReportState.FAILED)
    story.later(1800)
    story.update(["cam-1"], ReportState.FAILED)
    assert story.claim("cam-1") is None
    story.later(7199)
    assert story.claim("cam-1") is None
    story.later(1)
    assert story.claim("cam-1")


def test_failures_long_ago_do_not_count_towards_the_penalty_box(story):
    story.rules = FleetRules(penalty_failures=2, penalty_within_s=3600, penalty_s=7200)
    story.create(retries=10)
    for _ in range(3):
        story.update(["cam-1"], ReportState.FAILED)
        story.later(3601)
    with story.database.read() as connection:
        assert penalty(connection, story.pks["cam-1"])[1] == 0
    assert story.claim("cam-1")


def test_a_device_that_joins_goes_into_its_wave_but_never_into_one_that_is_over(story):
    story.create("10%", "rest")
    first = story.of_wave(1)
    assert first
    joiners = [f"new-{n}" for n in range(40)]
    for device_id in joiners[:20]:
        story.join(device_id)
    early = [d for d in joiners[:20] if d in story.of_wave(1)]
    assert early
    story.update([*first, *early])
    assert story.show().wave == 2
    for device_id in joiners[20:]:
        story.join(device_id)
    assert set(story.of_wave(1)) == {*first, *early}


def test_a_device_that_leaves_before_its_turn_is_no_member_until_it_comes_back(story):
    story.create()
    story.leave("cam-1")
    assert story.states()["cam-1"] == "withdrawn"
    story.update([d for d in story.device_ids if d != "cam-1"])
    assert story.show().state == "finished"


def test_a_device_that_comes_back_is_a_member_again(story):
    story.create()
    story.leave("cam-1")
    story.join("cam-1")
    assert story.claim("cam-1")


def test_after_the_end_a_device_joins_only_where_the_rollout_stays_open(story):
    story.create()
    other = story.create(name="other", version=Version.parse("1.2.0"), stays_open=True)
    for rollout_id in (1, other.id):
        for device_id in story.device_ids:
            story.set(device_id, running_version="1.0.0")
            assert story.claim(device_id, rollout_id)
            version = "1.2.0" if rollout_id == other.id else "1.1.0"
            story.tell(device_id, ReportState.CONFIRMED, rollout_id=rollout_id, version=version)
    assert story.show().state == story.show(other.id).state == "finished"
    story.join("late")
    assert story.place("late") is None
    assert story.show(other.id).state == "running"
    assert story.claim("late", other.id)


def test_a_device_that_cannot_take_the_release_does_not_join(story):
    story.create()
    story.join("old-board", hardware_id="cam-v1")
    story.join("newer", running_version="2.0.0")
    story.join("has-it", running_version="1.1.0")
    assert story.place("old-board") is story.place("newer") is None
    assert story.place("has-it").state == "succeeded"


def test_a_revoked_device_gives_its_place_back_and_nobody_waits_for_it(story):
    story.create(max_in_flight=1)
    story.claim("cam-1")
    story.tell("cam-1", ReportState.TRIAL)
    story.revoke("cam-1")
    assert story.states()["cam-1"] == "withdrawn"
    story.update(story.device_ids[2:])
    story.revoke("cam-0")
    assert story.show().state == "finished"


def test_a_decommissioned_device_was_never_there(story):
    story.create(max_in_flight=1)
    story.update(["cam-0"])
    story.claim("cam-1")
    story.decommission("cam-0")
    story.decommission("cam-1")
    assert not {"cam-0", "cam-1"} & set(story.states())
    assert story.show().waves[0].members == 8


def test_many_devices_join_and_leave_at_once(story):
    from ota_server.rollouts.joining import all_joined, all_left

    story.create("1", "rest")
    pks = [*story.pks.values()]
    story.claim(story.of_wave(1)[0])
    with story.database.begin() as connection:
        all_left(connection, story.group_id, pks, now=story.now)
    assert sorted(story.states().values()) == ["assigned"] + ["withdrawn"] * 9
    with story.database.begin() as connection:
        all_joined(connection, story.group_id, pks, now=story.now)
    assert sorted(story.states().values()) == ["assigned"] + ["pending"] * 9
    story.later(1)


def test_a_silent_device_that_updates_to_another_release_takes_no_second_place(story):
    story.create(answer_within_s=60)
    other = story.create(name="other", version=Version.parse("1.2.0"))
    story.claim("cam-1")
    story.later(61)
    assert story.claim("cam-1", other.id)
    assert story.tell("cam-1", ReportState.TRIAL) == "silent"
    assert story.show().in_flight == 0
