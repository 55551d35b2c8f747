"""B10: the stream of the pages, asked for as a browser does, tells of one's own products alone."""

import asyncio
import re
from dataclasses import replace

from support.browser import HOST

from ota_server.journal.event import Event, EventKind, record
from ota_server.operations import rollouts
from ota_server.web.pages.dashboard import Dashboard


class Looking:
    """A browser that has a page of somebody's open."""

    def __init__(self, dashboard, token, closing):
        self.received, self.more = b"", asyncio.Event()
        headers = [(b"host", HOST.encode()), (b"cookie", f"__Host-ratchet={token}".encode())]
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/live",
            "raw_path": b"/live",
            "query_string": b"",
            "headers": headers,
            "client": ("192.0.2.7", 1),
            "state": {"closing": closing},
        }
        self.task = asyncio.create_task(dashboard(scope, self.receive, self.send))

    async def receive(self):
        await asyncio.Event().wait()

    async def send(self, message):
        self.received += message.get("body", b"")
        self.more.set()

    async def told(self, word):
        """Wait for it."""
        while word not in self.words:
            self.more.clear()
            await asyncio.wait_for(self.more.wait(), 20)

    @property
    def words(self):
        return set(" ".join(re.findall(r"^data: (.*)$", self.received.decode(), re.MULTILINE)).split())


def test_b10_the_stream_of_a_page_tells_of_what_its_visitor_sees(own_house, fleet, visit):
    house = replace(own_house, look_s=0.01)
    tokens = [visit(name).cookies["__Host-ratchet"] for name in ("mia", "kai")]

    def happen():
        with house.database.begin() as connection:
            rollouts.pause(fleet.desk(connection, "mia"), 5)
            enrolled = Event(EventKind.DEVICE_ENROLLED, {"hardware_id": "g"}, "gateway", "gw-1")
            record(connection, enrolled, now=fleet.now)

    async def story():
        dashboard, closing = Dashboard(house), asyncio.Event()
        mia, kai = (Looking(dashboard, token, closing) for token in tokens)
        await asyncio.gather(mia.told("all"), kai.told("all"))
        await asyncio.to_thread(happen)
        await asyncio.gather(mia.told("rollout:5"), mia.told("overview"), kai.told("overview"))
        closing.set()
        await asyncio.gather(mia.task, kai.task)
        await dashboard._live.rest()
        return mia.words, kai.words

    everything, seen = asyncio.run(story())
    assert everything == {"all", "rollout:5", "rollouts", "overview"}
    assert seen == {"all", "overview"}
