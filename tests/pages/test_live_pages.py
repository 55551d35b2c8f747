"""What changes is told to who looks, and to nobody else."""

import asyncio
from datetime import timedelta

import pytest
from support.demo_house import sign_in

from ota_server.journal.event import Event, EventKind, record
from ota_server.operations import rollouts
from ota_server.operators import account_changes, session
from ota_server.web.pages.dashboard import Dashboard
from ota_server.web.pages.live import Live

NONE_YET = b"retry: 3000\n\n"


async def _told(stream):
    """The next message that says something."""
    async with asyncio.timeout(20):
        async for message in stream:
            if message.startswith(b"event"):
                return set(message.decode().split("data: ")[1].split())
    return set()


def _pause(house, fleet):
    with house.database.begin() as connection:
        rollouts.pause(fleet.desk(connection, "mia"), 5)


async def _listening(live, products, closing=None):
    stream = live.stream(lambda _: products, products, closing)
    assert await anext(stream) == NONE_YET
    assert await _told(stream) == {"all"}
    return stream


def test_a_change_of_a_rollout_is_told_to_who_may_see_it(own_house, fleet):
    async def story():
        live = Live(own_house.database, look_s=0.01)
        everybody = await _listening(live, None)
        of_cameras = await _listening(live, frozenset({"camera"}))
        of_meters = await _listening(live, frozenset({"meter"}))
        await asyncio.to_thread(_pause, own_house, fleet)

        assert await _told(everybody) >= {"rollout:5", "rollouts"}
        assert await _told(of_cameras) >= {"rollout:5", "rollouts"}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_told(of_meters), 0.1)

    asyncio.run(story())


def test_what_changes_before_the_first_look_is_fetched_too(own_house, fleet):
    """A page is drawn, then something changes, then its stream begins."""

    async def story():
        live = Live(own_house.database, look_s=0.01)
        first = await _listening(live, None)
        later = live.stream(lambda _: None, None)
        assert await anext(later) == NONE_YET
        await asyncio.to_thread(_pause, own_house, fleet)
        assert "all" in await _told(later)
        assert await _told(first) >= {"rollout:5"}

    asyncio.run(story())


def test_an_event_renews_the_overview(own_house, fleet):
    def happen():
        with own_house.database.begin() as connection:
            document = {"hardware_id": "mtr-1"}
            event = Event(EventKind.DEVICE_ENROLLED, document, product="meter", device_id="met-1")
            record(connection, event, now=fleet.now)

    async def story():
        live = Live(own_house.database, look_s=0.01)
        stream = await _listening(live, frozenset({"meter"}))
        await asyncio.to_thread(happen)
        assert await _told(stream) == {"overview"}

    asyncio.run(story())


def test_a_stream_ends_when_the_server_is_to_stop(own_house):
    async def story():
        closing = asyncio.Event()
        stream = await _listening(Live(own_house.database, look_s=0.01), None, closing)
        closing.set()
        assert [message async for message in stream] == []

    asyncio.run(asyncio.wait_for(story(), 5))


def test_a_stream_ends_after_a_while(own_house):
    async def story():
        live = Live(own_house.database, look_s=0.01)
        stream = live.stream(lambda _: None, None, longest_s=0.05)
        told = [message async for message in stream]
        assert told[0] == NONE_YET

    asyncio.run(asyncio.wait_for(story(), 5))


def _sign_out(connection, person):
    session.end_all(connection, person.id)


def _disable(connection, person):
    account_changes.disable(connection, person.id)


def _take_a_grant(connection, person):
    connection.exec_driver_sql("DELETE FROM operator_grants WHERE operator_id = ?", (person.id,))


@pytest.mark.parametrize("happens", [_sign_out, _disable, _take_a_grant])
def test_b12_a_stream_ends_within_seconds_when_its_right_ends(own_house, fleet, happens):
    person = fleet.people["mia"]
    with own_house.database.begin() as connection:
        connection.exec_driver_sql("UPDATE operators SET status = 'active'")
        token = session.start(connection, person.id, fleet.now, rules=own_house.rules.sessions)

    def sees(connection):
        return session.find(connection, token, fleet.now, rules=own_house.rules.sessions).actor.products

    def change():
        with own_house.database.begin() as connection:
            happens(connection, person)

    async def story():
        live = Live(own_house.database, look_s=0.01, authority_s=0.01)
        other = await _listening(live, None)
        with own_house.database.read() as connection:
            stream = live.stream(sees, sees(connection))
        assert await anext(stream) == NONE_YET
        assert await _told(stream) == {"all"}
        await asyncio.to_thread(change)
        assert [message async for message in stream] == []
        # others go on
        await asyncio.to_thread(_pause, own_house, fleet)
        assert await _told(other)

    asyncio.run(asyncio.wait_for(story(), 20))


def test_nobody_asks_the_database_when_nobody_listens(own_house):
    async def story():
        live = Live(own_house.database, look_s=0.01)
        stream = await _listening(live, None)
        await stream.aclose()
        await asyncio.wait_for(live.rest(), 5)

    asyncio.run(story())


def test_what_a_page_fetches_by_itself_keeps_no_session_alive(own_house, fleet):
    from dataclasses import replace

    from support.browser import Browser

    later = replace(own_house, clock=lambda: fleet.now + timedelta(minutes=30))
    browser = Browser(Dashboard(later))
    sign_in(browser, own_house, fleet, "mia")

    def used_at():
        with own_house.database.read() as connection:
            return connection.exec_driver_sql("SELECT max(used_at) FROM sessions").scalar()

    before = used_at()
    assert browser.get("/rollouts/5/part").status == 200
    assert used_at() == before
    browser.get("/rollouts/5")
    assert used_at() == before + 1800


def test_each_live_part_names_what_it_waits_for_and_where_it_is_fetched(signed_in):
    import re

    browser = signed_in("mia")
    for path in ("/", "/rollouts", "/rollouts/5"):
        shown = browser.get(path)
        fetched = re.search(r'data-live="([^"]+)" hx-get="([^"]+)"', shown.text)
        words, part = fetched.groups()
        assert set(words.split()) <= {"overview", "rollouts", "rollout:5"}
        renewed = browser.get(part.replace("&amp;", "&"))
        assert renewed.status == 200
        assert "<html" not in renewed.text
        ident = re.search(r'id="([\w-]+)"[^>]*data-live', shown.text)[1]
        assert f'id="{ident}"' in renewed.text
