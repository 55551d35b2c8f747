"""A dry run says who is in and who is not, and why; and then that is what happens."""

import pytest
from support.fleet import add_devices, add_group, make_plan
from support.rollout_story import RolloutStory

from ota_client.formats.version import Version
from ota_client.protocol import ReportState
from ota_server.errors import NotFoundError
from ota_server.rollouts import recruiting
from ota_server.rollouts.preview import preview


@pytest.fixture
def mixed(story):
    story.releases.put("1.1.0", rollback_index=3, min_version="1.0.0")
    story.set("cam-1", hardware_id="cam-v1")
    story.set("cam-2", running_version="1.1.0")
    story.set("cam-3", running_version="1.2.0")
    story.set("cam-4", rollback_index=4)
    story.set("cam-5", running_version="0.9.0")
    story.set("cam-6", status="revoked")
    story.set("cam-7", running_version=None, rollback_index=None)
    return story


def test_every_exclusion_has_its_reason(mixed):
    shown = mixed.preview("1", "rest")
    assert {e.device_id: e.reason for e in shown.excluded} == {
        "cam-1": "hardware-mismatch",
        "cam-3": "downgrade",
        "cam-4": "rollback-index",
        "cam-5": "stepping-stone",
        "cam-6": "revoked",
    }
    assert shown.reasons()["downgrade"] == 1
    assert {e.device_id: e.running for e in shown.excluded}["cam-3"] == "1.2.0"
    assert [len(wave) for wave in shown.waves] == [1, 4]


def test_what_it_shows_is_what_create_does(mixed):
    shown = mixed.preview("1", "30%", "rest")
    mixed.create("1", "30%", "rest")
    by_wave = {r.device_id: r.wave for wave in shown.waves for r in wave}
    assert by_wave == {name: mixed.place(name).wave for name in by_wave}
    assert set(by_wave) == set(mixed.states())


def test_it_changes_nothing(mixed):
    mixed.preview()
    with pytest.raises(NotFoundError):
        mixed.show()


def test_a_rollback_index_that_rises_by_too_much_is_a_reason(story):
    story.releases.put("1.1.0", rollback_index=1002)
    assert set(story.preview().reasons()) == {"rollback-index-jump"}


def test_devices_that_no_wave_takes_or_that_are_not_in_the_group_are_shown(story):
    assert story.preview("3").reasons() == {"beyond-the-waves": 7}
    assert story.preview("devices:cam-1,cam-99").reasons() == {
        "beyond-the-waves": 9,
        "not-in-the-group": 1,
    }


def test_who_has_to_wait_is_in_and_says_why(story):
    story.create()
    story.claim("cam-1")
    story.set("cam-2", penalty_until=2**31)
    waiting = {r.device_id: r.waits for r in story.preview(name="next").waiting}
    assert waiting == {"cam-1": "updating in another rollout", "cam-2": "in the penalty box"}
    story.tell("cam-1", ReportState.CONFIRMED)
    assert [r.device_id for r in story.preview(name="next").waiting] == ["cam-2"]


def test_devices_are_shown_that_take_the_stepping_stone_first(story):
    story.releases.put("1.1.0", min_version="1.0.5")
    story.releases.put("1.0.5")
    shown = story.preview(via=Version.parse("1.0.5"))
    assert {recruit.standing for recruit in shown.waves[0]} == {"offer-stone"}


def test_a_large_group_is_read_in_pages(empty_database, monkeypatch):
    monkeypatch.setattr(recruiting, "_BATCH", 50)
    story = RolloutStory(empty_database, devices=0)
    with story.database.begin() as connection:
        pks = add_devices(connection, [f"cam-{n:03}" for n in range(101)])
        add_group(connection, pks, "many")
        shown = preview(connection, make_plan(group="many"), catalog=story.releases, now=story.now)
    assert len(shown.waves[0]) == 101
