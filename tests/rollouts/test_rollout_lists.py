import pytest

from ota_client.protocol import ReportState
from ota_server.errors import InvalidError, NotFoundError
from ota_server.rollouts import rollout
from ota_server.rollouts.states import DeviceState, RolloutState


def ask(story, question, *arguments, **values):
    with story.database.read() as connection:
        return question(connection, *arguments, **values)


def test_rollouts_are_listed_page_by_page_the_newest_first(story):
    for name in ("one", "two", "three"):
        story.create(name=name)
    first = ask(story, rollout.listed, limit=2)
    assert [made.name for made in first.items] == ["three", "two"]
    assert first.total == 3
    second = ask(story, rollout.listed, limit=2, after=first.next_after)
    assert ([made.name for made in second.items], second.next_after) == (["one"], None)


def test_rollouts_are_listed_by_product_and_state(story):
    story.create(name="one")
    story.create(name="two")
    story.abort(1)
    running = ask(story, rollout.listed, product="cam", states=[RolloutState.RUNNING])
    assert [made.name for made in running.items] == ["two"]
    assert ask(story, rollout.listed, product="other").total == 0


def test_a_rollout_is_found_by_its_name(story):
    made = story.create()
    assert ask(story, rollout.named, "cam", "spring") == made
    with pytest.raises(NotFoundError, match="'summer'"):
        ask(story, rollout.named, "cam", "summer")
    with pytest.raises(NotFoundError, match="got 7"):
        ask(story, rollout.find, 7)


def test_the_devices_of_a_rollout_are_listed_page_by_page_and_by_state(story):
    story.create(retries=1)
    story.update(["cam-1"], ReportState.FAILED)
    story.update(["cam-2"])
    first = ask(story, rollout.members, 1, limit=4)
    rest = ask(story, rollout.members, 1, limit=10, after=first.next_after)
    listed = [member.device_id for member in (*first.items, *rest.items)]
    assert sorted(listed) == story.device_ids
    assert (first.total, rest.next_after) == (10, None)
    done = ask(story, rollout.members, 1, state=DeviceState.SUCCEEDED)
    assert [(m.device_id, m.attempts, str(m.version)) for m in done.items] == [("cam-2", 1, "1.1.0")]


def test_a_device_shows_the_code_that_it_reported(story):
    story.create()
    story.claim("cam-1")
    story.tell("cam-1", ReportState.FAILED, code="read-back")
    failed = ask(story, rollout.members, 1, state=DeviceState.FAILED)
    assert [member.code for member in failed.items] == ["read-back"]


@pytest.mark.parametrize("values", [{"limit": 0}, {"limit": 1001}, {"after": "x"}, {"after": "1" * 12}])
def test_a_page_that_makes_no_sense_is_refused(story, values):
    story.create()
    with pytest.raises(InvalidError):
        ask(story, rollout.members, 1, **values)
    with pytest.raises(InvalidError):
        ask(story, rollout.listed, **values)
