"""A rollout always comes to a decision: it goes on, halts or ends, whoever stays away or is removed."""

import logging

import pytest
from sqlalchemy import update

from ota_client.protocol import ReportState
from ota_server.database.schema import rollouts
from ota_server.errors import DatabaseUnavailableError
from ota_server.rollouts.plan import HaltCondition, SuccessCondition, WavePlan
from ota_server.rollouts.share import Share

ANY = SuccessCondition(Share(0), Share(0))
FELL_BACK = (ReportState.INSTALLED, ReportState.FELL_BACK)


def test_devices_that_a_release_breaks_for_good_halt_it_though_there_are_retries(story):
    story.create("2", "rest", retries=2, answer_within_s=3600)
    for device_id in story.of_wave(1):
        story.claim(device_id)
        story.tell(device_id, ReportState.INSTALLED)
    story.later(3601)
    assert (story.show().state, story.show().wave) == ("halted", 1)
    assert "2 silent" in story.show().reason


def test_a_device_that_talks_but_not_of_its_update_is_given_it_again_and_does_not_halt(story):
    story.create("1", "rest", retries=1, answer_within_s=3600)
    (first,) = story.of_wave(1)
    story.claim(first)
    story.here(first)
    story.later(3601)
    assert (story.states()[first], story.show().state) == ("pending", "running")


def test_a_silent_device_that_was_revoked_is_not_waited_for(story):
    story.create(retries=5, answer_within_s=3600)
    story.claim("cam-1")
    story.later(3601)
    story.here("cam-1")
    story.set("cam-1", status="revoked")
    story.revoke("cam-1")
    story.later(60)
    assert story.states()["cam-1"] == "silent"


def test_a_retry_leaves_out_devices_that_were_revoked(story):
    story.create(WavePlan.taking("rest", halt=HaltCondition(share=None)))
    story.update(["cam-1", "cam-2"], ReportState.FAILED)
    story.set("cam-1", status="revoked")
    story.revoke("cam-1")
    assert story.retry(device_ids=["cam-1"]) == 0
    assert story.retry() == 1
    assert [story.states()[name] for name in ("cam-1", "cam-2")] == ["failed", "pending"]


def test_a_revoked_device_that_comes_into_the_group_again_does_not_take_part(story):
    story.create()
    story.leave("cam-1")
    story.set("cam-1", status="revoked")
    story.join("cam-1")
    assert story.states()["cam-1"] == "withdrawn"


def test_a_rollout_that_all_have_left_ends_and_says_so(story):
    story.create("2", "rest")
    for device_id in story.device_ids:
        story.leave(device_id)
    assert (story.show().state, story.show().reason) == ("finished", "no device was left to take part")


def test_late_fallbacks_halt_also_where_an_operator_resumed_after_all_had_answered(story):
    halting = WavePlan.taking("5", success=ANY, halt=HaltCondition(Share.parse("30%"), least=5))
    story.create(halting, WavePlan.taking("rest", halt=HaltCondition(share=None)))
    *good, bad, worse = story.of_wave(1)
    story.update(good)
    story.update([bad, worse], ReportState.FAILED)
    assert story.show().state == "halted"
    story.resume()
    assert story.show().state == "running"
    # one of three that stood is a third
    assert story.tell(good[0], ReportState.FELL_BACK) == "fell_back"
    assert story.show().state == "halted"
    assert "1 of 3 that answered" in story.show().reason


def test_a_rollout_that_this_version_cannot_read_holds_up_no_other_one(story, caplog):
    ids = [story.create(name=name, answer_within_s=3600).id for name in ("one", "two")]
    story.claim("cam-2", ids[1])
    with story.database.begin() as connection:
        newer = update(rollouts).filter_by(id=ids[0])
        connection.execute(newer.values(plan='{"of_a_newer_version":true}'))
    with caplog.at_level(logging.ERROR):
        story.later(3601)
    assert story.states(ids[1])["cam-2"] == "silent"
    assert "rollout 1 is passed over" in caplog.text
    # no error of the device's: it must keep its report, and send it again
    with pytest.raises(DatabaseUnavailableError):
        story.claim("cam-1", ids[0])
