"""A rollout halts within the very report that meets the condition; and what operators do then."""

import pytest

from ota_client.protocol import ReportState
from ota_server.errors import ConflictError, InvalidError
from ota_server.rollouts.plan import HaltCondition, SuccessCondition, WavePlan
from ota_server.rollouts.share import Share
from ota_server.rollouts.states import DeviceState

ANY = SuccessCondition(Share.parse("0%"), Share.parse("0%"))
FELL_BACK = (ReportState.DOWNLOADING, ReportState.INSTALLED, ReportState.TRIAL, ReportState.FELL_BACK)


def halting(takes="rest", **condition):
    return WavePlan.taking(takes, halt=HaltCondition(**{"share": None, **condition}))


def test_a_number_of_devices_that_fell_back_halts_it_with_the_last_of_them(story):
    story.create(halting(count=2))
    story.update(story.device_ids[:1], *FELL_BACK)
    assert story.show().state == "running"
    story.update(story.device_ids[1:2], *FELL_BACK)
    assert story.show().state == "halted"
    assert story.show().reason == "wave 1: 2 failed or fell back; it halts at 2"


def test_failed_and_fallen_back_devices_count_together(story):
    story.create(halting(count=2))
    story.update(story.device_ids[:1], *FELL_BACK)
    story.update(story.device_ids[1:2], ReportState.FAILED)
    assert story.show().state == "halted"


def test_a_share_counts_over_those_that_answered_once_enough_have(story):
    story.create(halting(share=Share.parse("50%"), least=4))
    for device_id in story.device_ids[:3]:
        story.update([device_id], ReportState.FAILED)
        assert story.show().state == "running"
    story.update(story.device_ids[3:4])
    assert story.show().state == "halted"
    assert "3 of 4 that answered failed or fell back; it halts at 50%" in story.show().reason


def test_a_share_that_is_not_reached_halts_nothing(story):
    story.create(halting(share=Share.parse("50%"), least=4))
    story.update(story.device_ids[:1], ReportState.FAILED)
    story.update(story.device_ids[1:])
    assert story.show().state == "finished"


def test_a_wave_smaller_than_the_least_has_to_answer_wholly(story):
    story.create(halting("2", share=Share.parse("50%"), least=20), "rest")
    first = story.of_wave(1)
    story.update(first[:1], ReportState.FAILED)
    assert story.show().state == "running"
    story.update(first[1:])
    assert story.show().state == "halted"


def test_refusals_and_silence_do_not_count_as_failures(story):
    story.create(halting(count=1))
    story.update(story.device_ids[:9], ReportState.REFUSED)
    assert story.show().state == "running"


def test_devices_that_ran_it_before_do_not_hide_those_that_fail(story):
    for device_id in story.device_ids[:8]:
        story.set(device_id, running_version="1.1.0")
    story.create(halting(share=Share.parse("50%"), least=2))
    story.update(["cam-8"], ReportState.FAILED)
    story.update(["cam-9"])
    assert story.show().state == "halted"


def test_a_late_fallback_in_an_early_wave_halts_it_too(story):
    story.create(halting("2", count=1), "rest")
    canaries = story.of_wave(1)
    story.update(canaries)
    assert story.show().wave == 2
    assert story.tell(canaries[0], ReportState.FELL_BACK) == "fell_back"
    assert story.show().state == "halted"


def test_a_paused_rollout_halts_too(story):
    story.create(halting(count=1))
    story.claim("cam-1")
    story.pause()
    story.tell("cam-1", *FELL_BACK)
    assert story.show().state == "halted"


def test_a_wave_in_which_nobody_is_left_halts_if_it_has_not_gone_well(story):
    story.create(WavePlan.taking("2", halt=HaltCondition(share=None)), "rest")
    story.update(story.of_wave(1), ReportState.FAILED)
    assert story.show().state == "halted"
    assert "nobody is left to answer, and 0 of 2 run the release" in story.show().reason


def test_a_wave_that_refuses_wholly_is_no_success(story):
    story.create(WavePlan.taking("2", success=ANY), "rest")
    # any success is enough here, so it advanced at once; the last wave judges itself
    story.update(story.device_ids, ReportState.REFUSED)
    assert story.show().state == "halted"


def test_a_halt_calls_back_who_has_nothing_in_its_slot_yet(story):
    story.create(halting(count=1))
    words = [(), (ReportState.DOWNLOADING,), (ReportState.INSTALLED,), (ReportState.TRIAL,)]
    for device_id, said in zip(story.device_ids, words, strict=False):
        story.claim(device_id)
        story.tell(device_id, *said)
    story.update(["cam-9"], *FELL_BACK)
    assert [story.states()[f"cam-{n}"] for n in range(4)] == ["pending", "pending", "installed", "trial"]
    assert story.show().in_flight == 2
    assert story.claim("cam-0") is None
    # what they answer still counts
    assert story.tell("cam-1", ReportState.INSTALLED) == "pending"
    assert story.tell("cam-1", ReportState.CONFIRMED) == "succeeded"


def test_after_a_resume_only_what_is_new_counts(story):
    story.create(halting(share=Share.parse("50%"), least=2))
    story.update(story.device_ids[:2], ReportState.FAILED)
    assert story.show().state == "halted"
    resumed = story.resume()
    assert (resumed.state, resumed.reason) == ("running", "")
    story.update(story.device_ids[2:4])
    assert story.show().state == "running"
    story.update(story.device_ids[4:6], ReportState.FAILED)
    assert story.show().state == "halted"


def test_a_resume_of_a_wave_in_which_nobody_is_left_opens_the_next(story):
    story.create(WavePlan.taking("2", halt=HaltCondition(share=None)), "rest")
    story.update(story.of_wave(1), ReportState.FAILED)
    assert (story.resume().state, story.show().wave) == ("running", 2)


def test_a_resume_of_the_last_wave_ends_it(story):
    story.create(WavePlan.taking("rest", halt=HaltCondition(share=None)))
    story.update(story.device_ids, ReportState.FAILED)
    assert story.show().state == "halted"
    assert story.resume().state == "finished"


def test_the_last_wave_waits_for_those_of_earlier_ones(story):
    enough = SuccessCondition(Share.parse("10%"), Share.parse("0%"))
    story.create(
        WavePlan.taking("2", success=enough), WavePlan.taking("rest", halt=HaltCondition(share=None))
    )
    late, early = story.of_wave(1)
    story.update([early])
    story.update(story.of_wave(2), ReportState.FAILED)
    assert story.show().state == "running"
    story.update([late])
    assert story.show().state == "halted"


def test_pause_offers_nothing_new_and_lets_the_others_finish(story):
    story.create()
    assignment = story.claim("cam-1")
    story.pause()
    assert story.claim("cam-2") is None
    assert story.claim("cam-1") == story.held("cam-1") == assignment
    story.tell("cam-1", ReportState.CONFIRMED)
    assert story.states()["cam-1"] == "succeeded"
    story.resume()
    assert story.claim("cam-2")


def test_abort_ends_it_for_all_that_have_not_installed(story):
    story.create()
    story.claim("cam-0")
    story.claim("cam-1")
    story.tell("cam-1", ReportState.TRIAL)
    aborted = story.abort()
    assert (aborted.state, aborted.in_flight) == ("aborted", 1)
    assert story.states()["cam-0"] == story.states()["cam-9"] == "withdrawn"
    assert story.held("cam-0") is None
    assert story.tell("cam-1", ReportState.CONFIRMED) == "succeeded"
    # it had begun, and the word that it fell back came after
    assert story.tell("cam-0", ReportState.FELL_BACK) == "fell_back"
    assert story.show().state == "aborted"


def test_a_device_called_back_is_free_for_the_mended_release(story):
    story.create()
    story.claim("cam-0")
    story.abort()
    mended = story.create(name="mended", version=story.show().version.parse("1.2.0"))
    assert str(story.claim("cam-0", mended.id).version) == "1.2.0"


@pytest.mark.parametrize("act", ["pause", "resume", "abort"])
def test_nothing_moves_a_rollout_that_was_aborted(story, act):
    story.create()
    story.abort()
    with pytest.raises(ConflictError, match="the rollout is aborted"):
        getattr(story, act)()
    with pytest.raises(ConflictError, match="aborted"):
        story.retry()


def test_retry_gives_it_again_to_those_that_failed_fell_back_or_were_silent(story):
    story.create(WavePlan.taking("rest", halt=HaltCondition(share=None)), answer_within_s=60)
    story.update(["cam-0"], ReportState.FAILED)
    story.update(["cam-1"], *FELL_BACK)
    story.update(["cam-2"], ReportState.REFUSED)
    story.claim("cam-3")
    story.later(61)
    assert story.states()["cam-3"] == "silent"
    assert story.retry(device_ids=["cam-0", "cam-2", "cam-9"]) == 1
    assert story.retry(states=[DeviceState.SILENT]) == 1
    assert story.retry() == 1
    assert [story.states()[f"cam-{n}"] for n in range(4)] == ["pending", "pending", "refused", "pending"]
    story.update(["cam-0"])
    assert story.states()["cam-0"] == "succeeded"
    with pytest.raises(InvalidError, match="states"):
        story.retry(states=[DeviceState.SUCCEEDED])


def test_retry_opens_a_finished_rollout_again(story):
    story.create(WavePlan.taking("rest", success=ANY, halt=HaltCondition(share=None)))
    story.update(story.device_ids[:1], ReportState.FAILED)
    story.update(story.device_ids[1:])
    assert story.show().state == "finished"
    story.retry()
    assert story.show().state == "running"
    story.update(story.device_ids[:1])
    assert story.show().state == "finished"


def test_old_failures_that_are_mended_do_not_hide_new_ones(story):
    story.create(halting(count=2))
    story.update(story.device_ids[:2], ReportState.FAILED)
    story.resume()
    story.retry()
    story.update(story.device_ids[:1], ReportState.FAILED)
    assert story.show().state == "running"
    story.update(story.device_ids[1:2], ReportState.FAILED)
    assert story.show().state == "halted"
