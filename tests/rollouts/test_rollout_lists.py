import pytest
from sqlalchemy import event

from ota_client.protocol import ReportState
from ota_server.errors import InvalidError, NotFoundError
from ota_server.rollouts import failures, fallbacks, rollout
from ota_server.rollouts.states import DeviceState, RolloutState


def ask(story, question, *arguments, **values):
    with story.database.read() as connection:
        return question(connection, *arguments, **values)


def test_rollouts_are_listed_page_by_page_the_newest_first(story):
    for name in ("one", "two", "three"):
        story.create(name=name)
    first = ask(story, rollout.listed, products=None, limit=2)
    assert [made.name for made in first.items] == ["three", "two"]
    assert first.total == 3
    second = ask(story, rollout.listed, products=None, limit=2, after=first.next_after)
    assert ([made.name for made in second.items], second.next_after) == (["one"], None)


def test_rollouts_are_listed_by_product_and_state(story):
    story.create(name="one")
    story.create(name="two")
    story.abort(1)
    running = ask(story, rollout.listed, products=None, product="cam", states=[RolloutState.RUNNING])
    assert [made.name for made in running.items] == ["two"]
    assert ask(story, rollout.listed, products=None, product="other").total == 0
    assert ask(story, rollout.listed, products=frozenset({"other"})).total == 0
    assert ask(story, rollout.listed, products=frozenset({"cam"})).total == 2


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
    assert listed == story.device_ids
    done = ask(story, rollout.members, 1, state=DeviceState.SUCCEEDED)
    assert [(m.device_id, m.attempts, str(m.version)) for m in done.items] == [("cam-2", 1, "1.1.0")]


def test_a_device_shows_the_code_that_it_reported(story):
    story.create()
    story.claim("cam-1")
    story.tell("cam-1", ReportState.FAILED, code="read-back")
    failed = ask(story, rollout.members, 1, state=DeviceState.FAILED)
    assert [member.code for member in failed.items] == ["read-back"]


def test_those_in_one_state_are_listed_wave_by_wave(story):
    story.create("3", "rest")
    waves = {name: number for number in (1, 2) for name in story.of_wave(number)}
    found, after = [], None
    while True:
        page = ask(story, rollout.members, 1, state=DeviceState.PENDING, after=after, limit=2)
        assert page.total == 10
        found += [(member.wave, member.device_id) for member in page.items]
        if (after := page.next_after) is None:
            break
    assert sorted(found) == sorted((wave, name) for name, wave in waves.items())
    assert [wave for wave, _ in found] == [1] * 3 + [2] * 7


def test_devices_underway_are_counted_by_their_step(story):
    story.create()
    for name in ("cam-1", "cam-2"):
        story.claim(name)
    story.tell("cam-1", ReportState.TRIAL)
    for state, number in ((DeviceState.TRIAL, 1), (DeviceState.ASSIGNED, 1), (DeviceState.PENDING, 8)):
        page = ask(story, rollout.members, 1, state=state)
        assert (page.total, len(page.items)) == (number, number)


@pytest.mark.parametrize("values", [{"limit": 0}, {"limit": 1001}, {"after": "x"}, {"after": "1" * 12}])
def test_a_page_that_makes_no_sense_is_refused(story, values):
    story.create()
    with pytest.raises(InvalidError):
        ask(story, rollout.members, 1, **values)
    with pytest.raises(InvalidError):
        ask(story, rollout.listed, products=None, **values)


def plans(story, question, *arguments, **values):
    """How the database reads what a question with a limit, or a group, asks of the devices' places."""
    asked = []
    event.listen(story.database.engine, "before_cursor_execute", note := lambda *a: asked.append(a[2:4]))
    ask(story, question, *arguments, **values)
    event.remove(story.database.engine, "before_cursor_execute", note)
    with story.database.read() as connection:
        for statement, given in [one for one in asked if "LIMIT" in one[0] or "GROUP" in one[0]]:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
            yield [step.detail for step in steps]


def test_a_page_of_devices_is_read_along_an_index(story):
    """Whoever looks at a rollout of a hundred thousand devices must not sort them first."""
    story.create()
    for state in (None, DeviceState.FELL_BACK):
        for steps in plans(story, rollout.members, 1, state=state, limit=2):
            found = [step for step in steps if "rollout_devices" in step]
            assert all(line.startswith("SEARCH") for line in found), found


def test_what_went_wrong_is_read_along_indexes_of_that_alone(story):
    """Many have failed in a large fleet: what a page shows of them must not be sorted first."""
    story.create(retries=0)
    story.claim("cam-1")
    story.tell("cam-1", ReportState.FELL_BACK, code="hook")
    (reasons,) = plans(story, failures.reasons, 1)
    assert any("COVERING INDEX ix_rollout_devices_bad" in step for step in reasons), reasons
    *_, newest = plans(story, fallbacks.newest, products=None, now=story.now)
    assert any("ix_rollout_devices_fell_back" in step for step in newest), newest
    assert not any("FOR ORDER BY" in step for step in newest), newest
