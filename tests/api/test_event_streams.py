"""Events as they happen: none is missed, and a stream ends with the token that began it."""

import asyncio
import json

import pytest
from support.fleet import PRODUCT
from support.operator_api import OTHER, OperatorApiUnderTest

from ota_server.operators import account_changes
from ota_server.web.api.streams import CLOSING


def events_of(content):
    blocks = [block.split("\n") for block in content.decode().split("\n\n")]
    return [dict(line.split(": ", 1) for line in block) for block in blocks if len(block) == 3]


def revoke(operator, number):
    operator.post(f"/devices/cam-{number}/revoke", {})


def test_a_stream_begins_behind_a_position_or_now(api, operator):
    for number in range(3):
        revoke(operator, number)
    whole = operator.get("/events/stream?position=0")
    assert whole.headers["content-type"].startswith("text/event-stream")
    assert whole.headers["x-accel-buffering"] == "no"
    assert whole.content.startswith(b"retry: 5000\n\n")
    assert [event["id"] for event in events_of(whole.content)] == ["1", "2", "3"]
    assert events_of(operator.get("/events/stream").content) == []
    data = json.loads(events_of(whole.content)[0]["data"])
    assert data == operator.get("/events").json["items"][-1]


def test_a_client_that_comes_again_goes_on_where_it_was(operator):
    for number in range(3):
        revoke(operator, number)
    again = operator.get("/events/stream?position=0", last_event_id="2")
    assert [event["id"] for event in events_of(again.content)] == ["3"]
    assert operator.get("/events/stream", last_event_id="x").status == 422


def test_a_stream_shows_what_its_token_sees_and_was_asked_for(api, operator):
    revoke(operator, 1)
    assert events_of(api.caller(f"admin:{OTHER}").get("/events/stream?position=0").content) == []
    revoke(operator, 2)
    asked = {
        "kind=device.revoked": 2,
        "kind=rollout.halted": 0,
        "product=gate": 0,
        "device_id=cam-2": 1,
    }
    for query, number in asked.items():
        stream = operator.get(f"/events/stream?position=0&{query}")
        assert len(events_of(stream.content)) == number


class Following:
    """A client of a stream, in the event loop of the test."""

    def __init__(self, api, caller, path="/api/v1/events/stream?position=0"):
        self.received, self.gone, self.more = [], asyncio.Event(), asyncio.Event()
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": "GET",
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(b"authorization", f"Bearer {caller.token}".encode())],
            "client": ("127.0.0.1", 1),
            "state": {CLOSING: api.closing},
        }
        self.task = asyncio.create_task(api.app(scope, self.receive, self.send))

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.received.append(message.get("body", b""))
        self.more.set()

    async def until(self, text):
        async with asyncio.timeout(20):
            while text not in b"".join(self.received):
                self.more.clear()
                await self.more.wait()

    async def ended(self):
        async with asyncio.timeout(20):
            await self.task


@pytest.fixture
def live(tmp_path):
    with OperatorApiUnderTest(tmp_path, streams_most=1) as api:
        api.closing = asyncio.Event()
        yield api


def test_what_happens_comes_by_itself(live):
    admin = live.caller(f"admin:{PRODUCT}")
    live.device("cam-1")

    async def story():
        stream = Following(live, admin)
        await stream.until(b"retry")
        headers = {"authorization": f"Bearer {admin.token}"}
        await live.asked("POST", "/api/v1/devices/cam-1/revoke", {}, **headers)
        await stream.until(b"event: device.revoked")
        # one more is refused as long as this one is there
        assert (await live.asked("GET", "/api/v1/events/stream", **headers)).status == 429
        stream.gone.set()
        await stream.ended()
        live.closing.set()
        assert (await live.asked("GET", "/api/v1/events/stream", **headers)).status == 200

    live.run(story())


def test_a_stream_ends_when_its_token_is_withdrawn(live):
    viewer, admin = live.caller(f"viewer:{PRODUCT}"), live.caller("admin:*")

    async def story():
        stream = Following(live, viewer)
        await stream.until(b"retry")
        headers = {"authorization": f"Bearer {admin.token}"}
        await live.asked("DELETE", f"/api/v1/api-tokens/{viewer.token_id}", **headers)
        await stream.ended()

    live.run(story())


def test_b12_a_stream_ends_when_its_token_s_owner_is_disabled(live):
    owner = live.operator("mia", f"viewer:{PRODUCT}")
    viewer = live.caller(f"viewer:{PRODUCT}", owner=owner)

    async def story():
        stream = Following(live, viewer)
        await stream.until(b"retry")
        with live.database.begin() as connection:
            account_changes.disable(connection, owner)
        await stream.ended()

    live.run(story())


def test_b12_a_stream_tells_nothing_more_of_a_product_whose_grant_was_taken_away(live):
    owner = live.operator("mia", f"viewer:{PRODUCT}", f"viewer:{OTHER}")
    viewer = live.caller(f"viewer:{PRODUCT}", f"viewer:{OTHER}", owner=owner)
    admin = live.caller("admin:*")
    live.device("cam-1")
    live.device("gate-1", product=OTHER)

    async def story():
        stream = Following(live, viewer)
        await stream.until(b"retry")
        with live.database.begin() as connection:
            account_changes.remove_grant(connection, owner, PRODUCT)
        headers = {"authorization": f"Bearer {admin.token}"}
        for device in ("cam-1", "gate-1"):
            await live.asked("POST", f"/api/v1/devices/{device}/revoke", {}, **headers)
        await stream.until(b"gate-1")
        assert b"cam-1" not in b"".join(stream.received)
        live.closing.set()
        await stream.ended()

    live.run(story())


def test_a_stream_ends_when_the_server_stops(live):
    async def story():
        stream = Following(live, live.caller(f"viewer:{PRODUCT}"))
        await stream.until(b"retry")
        live.closing.set()
        await stream.ended()

    live.run(story())


def test_a_quiet_stream_shows_that_it_lives(live):
    async def story():
        stream = Following(live, live.caller(f"viewer:{PRODUCT}"))
        await stream.until(b": nothing new")
        live.closing.set()
        await stream.ended()

    live.run(story())
