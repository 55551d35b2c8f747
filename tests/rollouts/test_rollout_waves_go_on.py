"""A rollout goes from wave to wave by itself, and ends by itself."""

from datetime import timedelta

import pytest
from support.rollout_story import RolloutStory

from ota_server.errors import ConflictError, InvalidError, NotFoundError
from ota_server.rollouts.plan import SuccessCondition, WavePlan
from ota_server.rollouts.share import Share

ALL = SuccessCondition(of_members=Share.parse("100%"))
HALF = SuccessCondition(of_members=Share.parse("50%"))


def test_the_first_wave_is_open_at_once_and_the_next_when_it_has_gone_well(story):
    made = story.create("2", "rest")
    assert (made.state, made.wave) == ("running", 1)
    canaries, others = story.of_wave(1), story.of_wave(2)
    assert len(canaries) == 2
    assert story.claim(others[0]) is None
    story.update(canaries)
    assert story.show().wave == 2
    story.update(others)
    assert story.show().state == "finished"
    assert set(story.states().values()) == {"succeeded"}


def test_a_rollout_that_is_scheduled_starts_when_it_is_time(story):
    made = story.create(starts_at=story.now + timedelta(hours=1))
    assert (made.state, made.wave) == ("scheduled", 0)
    assert story.claim("cam-1") is None
    story.later(3599)
    assert story.show().state == "scheduled"
    story.later(1)
    assert (story.show().state, story.show().wave) == ("running", 1)
    assert story.claim("cam-1")


def test_a_wave_opens_when_enough_of_its_members_run_the_release(story):
    story.create(WavePlan.taking("4", success=HALF), "rest")
    first = story.of_wave(1)
    story.update(first[:1])
    assert story.show().wave == 1
    story.update(first[1:2])
    assert story.show().wave == 2
    # the others of the first wave are still offered it
    assert story.claim(first[2])


def test_a_wave_soaks_before_the_next_one_opens(story):
    story.create(WavePlan.taking("2", soak_s=3600), "rest")
    story.update(story.of_wave(1))
    story.later(3599)
    assert story.show().wave == 1
    story.later(1)
    assert story.show().wave == 2


def test_soaking_begins_anew_when_the_condition_stops_to_hold(story):
    story.create(WavePlan.taking("devices:cam-1,cam-2", soak_s=3600, success=ALL), "rest")
    story.leave("cam-2")
    story.update(["cam-1"])
    assert story.show().waves[0].met_at is not None
    story.later(3599)
    story.join("cam-2")
    assert story.show().waves[0].met_at is None
    story.later(3599)
    story.update(["cam-2"])
    story.later(3599)
    assert story.show().wave == 1
    story.later(1)
    assert story.show().wave == 2


def test_a_rollout_is_not_over_while_anybody_waits_for_it(story):
    story.create(WavePlan.taking("rest", success=HALF))
    story.update(story.device_ids[:9])
    assert story.show().state == "running"
    story.update(story.device_ids[9:])
    assert story.show().state == "finished"


def test_devices_that_run_the_release_already_are_counted_and_not_offered_it(story):
    story.set("cam-1", running_version="1.1.0")
    made = story.create()
    assert made.waves[0].succeeded == 1
    assert story.states()["cam-1"] == "succeeded"
    assert story.claim("cam-1") is None


def test_a_rollout_that_nobody_would_take_part_in_is_refused_unless_it_stays_open(empty_database):
    story = RolloutStory(empty_database, devices=0)
    with pytest.raises(InvalidError, match="the group is empty"):
        story.create("5%", "rest")
    made = story.create("5%", "rest", stays_open=True)
    assert (made.state, made.reason) == ("finished", "no device was left to take part")
    story.join("cam-1")
    assert story.show().state == "running"
    assert story.claim("cam-1")


def test_a_first_wave_that_would_try_nothing_is_refused(story):
    with pytest.raises(InvalidError, match="at least one device in wave 1"):
        story.create("0.01%", "rest")
    with pytest.raises(InvalidError, match=r"got cam-77 \(not-in-the-group\)"):
        story.create("devices:cam-1,cam-77", "rest")
    story.set("cam-1", hardware_id="cam-v1")
    with pytest.raises(InvalidError, match=r"got cam-1 \(hardware-mismatch\)"):
        story.create("devices:cam-1", "rest")


def test_a_name_is_given_once_and_a_release_and_a_group_must_be_there(story):
    story.create()
    with pytest.raises(ConflictError, match="a rollout 'spring' already"):
        story.create()
    with pytest.raises(NotFoundError, match="not published"):
        story.create(name="next", version=story.create(name="other").version.parse("9.0.0"))
    with pytest.raises(NotFoundError, match="a group of cam, got 'none'"):
        story.create(name="next", group="none")


def test_time_does_nothing_to_a_rollout_that_is_over(story):
    story.create()
    story.update(story.device_ids)
    before = story.show()
    story.later(10**6)
    assert story.show() == before


def test_the_revision_rises_with_each_change_of_state_and_wave(story):
    revisions = [story.create("2", "rest").revision]
    story.claim(story.of_wave(1)[0])
    assert story.show().revision == revisions[0]
    revisions += [act().revision for act in (story.pause, story.resume, story.abort)]
    assert revisions == sorted(set(revisions))
