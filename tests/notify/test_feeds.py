"""A feed is read by whoever has its address, and shows what its operator may see."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from support.telling import BOX, URL, enrolled

from ota_server.journal.event_kind import EventKind
from ota_server.notify import subscription
from ota_server.notify.mail import Mails
from ota_server.notify.subscription import Channel, Status
from ota_server.operators.secret_token import digest
from ota_server.web.feeds import Feeds

ATOM = "{http://www.w3.org/2005/Atom}"
TOKEN = "ratf_token"


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def text(self):
        return self.body.decode()


class Client:
    """Asks the application in this process."""

    def __init__(self, app):
        self.app = app

    def ask(self, method, url, **headers):
        return asyncio.run(self._asked(method, urlsplit(url), headers))

    def get(self, url, **headers):
        return self.ask("GET", url, **headers)

    def post(self, url):
        return self.ask("POST", url)

    async def _asked(self, method, url, headers):
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"List-Unsubscribe=One-Click"}

        async def send(message):
            sent.append(message)

        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": method,
            "path": url.path,
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "headers": named,
            "client": ("127.0.0.1", 1),
        }
        await self.app(scope, receive, send)
        head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], head, b"".join(part.get("body", b"") for part in sent[1:]))


@pytest.fixture
def client(telling):
    return Client(Feeds(telling.database, BOX, URL, clock=lambda: telling.now).app())


def parsed(document):
    return ET.fromstring(document)  # noqa: S314 - our own


def feed(telling, **wanted):
    found = telling.subscribe("feed", channel=Channel.FEED, **wanted)
    with telling.begin() as connection:
        subscription.change(connection, found.id, secret=digest(TOKEN))


def entries(client):
    answer = client.get(f"/feeds?token={TOKEN}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/atom+xml"
    return [
        (entry.findtext(f"{ATOM}id"), entry.findtext(f"{ATOM}title"))
        for entry in parsed(answer.body).iter(f"{ATOM}entry")
    ]


def test_a_feed_has_the_newest_first(telling, client):
    feed(telling)
    telling.happen(enrolled("cam-1"), enrolled("cam-2"))
    assert entries(client) == [
        (f"{URL}/events/2", "Device cam-2 (cam) was enrolled"),
        (f"{URL}/events/1", "Device cam-1 (cam) was enrolled"),
    ]


def test_a_feed_that_has_not_changed_is_not_sent_again(telling, client):
    feed(telling)
    telling.enrol(1)
    tag = client.get(f"/feeds?token={TOKEN}").headers["etag"]
    again = client.get(f"/feeds?token={TOKEN}", if_none_match=tag)
    assert (again.status, again.body) == (304, b"")
    telling.enrol(1)
    assert client.get(f"/feeds?token={TOKEN}", if_none_match=tag).status == 200


def test_a_feed_shows_what_its_operator_may_see_now(telling, client):
    mia = telling.operator(cam="viewer")
    feed(telling, operator_id=mia)
    root = enrolled("", product="", kind=EventKind.ROOT_CHANGED, root_version=2, before=1)
    telling.happen(enrolled("cam-1"), enrolled("tv-1", product="tv"), root)
    assert [number for number, _ in entries(client)] == [f"{URL}/events/3", f"{URL}/events/1"]


def test_text_from_elsewhere_stays_text(telling, client):
    feed(telling)
    nasty = "<script>\x00\x1b[31m&amp;\ud7ff"
    telling.happen(enrolled(kind=EventKind.DEVICE_FELL_BACK, version="1.0.0", code="x", detail=nasty))
    document = client.get(f"/feeds?token={TOKEN}").body
    assert b"<script>" not in document
    (content,) = parsed(document).iter(f"{ATOM}content")
    assert "x <script>  [31m&amp;" in content.text


@pytest.mark.parametrize("path", ["/feeds", "/feeds?token=", "/feeds?token=ratf_other", "/feeds/1"])
def test_without_its_token_there_is_no_feed(telling, client, path):
    feed(telling)
    assert client.get(path).status == 404


def test_a_webhook_secret_s_digest_opens_no_feed(telling, client):
    telling.subscribe("hook", address="https://example.com/")
    with telling.begin() as connection:
        subscription.change(connection, 1, secret=digest(TOKEN))
    assert client.get(f"/feeds?token={TOKEN}").status == 404


def test_a_paused_feed_is_closed(telling, client):
    feed(telling)
    with telling.begin() as connection:
        subscription.pause(connection, 1, "enough")
    assert client.get(f"/feeds?token={TOKEN}").status == 404


def test_opening_the_link_of_a_mail_changes_nothing_and_posting_it_ends_the_mails(telling, client):
    found = telling.subscribe("mail", address="mia@example.com", channel=Channel.MAIL)
    link = Mails(None, BOX, "", lambda: telling.now).unsubscribe_link(found)
    assert "End it" in client.get(link).text
    assert telling.find("mail").status is Status.ACTIVE
    assert "is paused" in client.post(link).text
    assert telling.find("mail").status is Status.PAUSED
    assert client.post("/unsubscribe?token=x").status == 404
    evil = client.get('/unsubscribe?token="><script>')
    assert "<script>" not in evil.text
