"""B07: who floods the doors of people, signed in or not, keeps nobody else from theirs."""

import asyncio
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.browser import Browser
from support.demo_house import make_house
from support.fleet import PRODUCT, open_database
from support.office import ALPHA, MEANS, Office
from support.operator_api import OperatorApiUnderTest
from support.people import NOW
from support.telling import BOX, URL

from ota_client.errors import FetchError
from ota_server.catalog import Catalog
from ota_server.errors import ConflictError, TooManyError
from ota_server.notify.filter import Filter
from ota_server.notify.subscription import Channel
from ota_server.operations import api_tokens, notifications
from ota_server.operators.role import Grant, Role
from ota_server.web.api.streams import CLOSING
from ota_server.web.feeds import Feeds
from ota_server.web.pages.cookies import Cookies
from ota_server.web.pages.dashboard import Dashboard
from ota_server.web.pages.door_threads import DoorThreads
from ota_server.web.peer import NoPeers
from ota_server.web.places import EACH_MOST, Places
from ota_server.web.rates import AddressRate


class _SamePeer:
    address = staticmethod(lambda _scope: "192.0.2.7")
    certificate_der = NoPeers.certificate_der


@pytest.fixture
def fleet(tmp_path):
    database = open_database(tmp_path)
    yield SimpleNamespace(database=database, catalog=Catalog(None), now=NOW, people={})
    database.close()


class _Provider:
    """One that never lets anybody in."""

    def __init__(self):
        self.asked = 0

    def begin(self, _now):
        self.asked += 1
        raise FetchError("no answer")

    def finish(self, _query, _cookie, _now):
        self.asked += 1
        raise FetchError("no answer")


@pytest.mark.parametrize("path", ["/sign-in/oidc", "/sign-in/oidc/callback?code=x&state=y"])
def test_b07_each_way_to_an_identity_provider_counts_as_a_try_to_sign_in(fleet, path):
    provider = _Provider()
    more = {"peers": _SamePeer(), "sign_ins": AddressRate(2), "monotonic": lambda: 1.0}
    browser = Browser(Dashboard(replace(make_house(fleet, **more), oidc=provider)))
    assert [browser.get(path).status for _ in range(4)] == [503, 503, 429, 429]
    assert provider.asked == 2


class _Stuck:
    """Passwords that take as long as the test wants."""

    def __init__(self):
        self.go, self.working = threading.Event(), threading.Event()

    def matches(self, _kept, _password):
        self.working.set()
        self.go.wait(30)
        return False


def test_b07_a_flood_of_passwords_leaves_the_threads_of_downloads_alone(fleet):
    """The event loop's own threads read files for devices."""
    stuck = _Stuck()
    app = Dashboard(make_house(fleet, passwords=stuck))

    async def story():
        form = b"name=mia&password=x"
        headers = {"origin": "https://ota.example", "content-type": "application/x-www-form-urlencoded"}
        ask = Browser(app)._ask
        flood = [asyncio.create_task(ask("POST", "/sign-in", form, headers)) for _ in range(60)]
        async with asyncio.timeout(20):
            await asyncio.to_thread(stuck.working.wait)
            # as a download does, and as a page that somebody looks at
            assert await asyncio.to_thread(lambda: "a piece of a file") == "a piece of a file"
            assert (await ask("GET", "/sign-in", None, {})).status == 200
        stuck.go.set()
        statuses = [one.status for one in await asyncio.gather(*flood)]
        assert set(statuses) == {403, 429}
        assert statuses.count(403) <= 32

    asyncio.run(story())


def test_b07_only_so_many_wait_at_the_door():
    async def story():
        go, door = threading.Event(), DoorThreads(1, waiting_most=2)
        held = [asyncio.create_task(door.run(go.wait, 30)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyError):
            await door.run(lambda: None)
        go.set()
        assert await asyncio.gather(*held) == [True, True]
        assert await door.run(lambda: "in") == "in"

    asyncio.run(story())


def test_b07_one_person_does_not_take_all_places():
    places = Places(3, each_most=2)
    places.take("mia")
    places.take("mia")
    with pytest.raises(TooManyError):
        places.take("mia")
    places.take("ole")
    with pytest.raises(TooManyError):
        places.take("pat")
    places.give_back("mia")
    places.take("pat")


@pytest.mark.parametrize("path", ["/events/stream", "/devices/export"])
def test_b07_streams_of_one_person_that_are_opened_at_once_are_counted_at_once(tmp_path, path):
    with OperatorApiUnderTest(tmp_path, streams_most=2 * EACH_MOST) as api:
        mia = api.operator("mia", f"viewer:{PRODUCT}")
        # a second token is no second person
        callers = [api.caller(f"viewer:{PRODUCT}", owner=mia) for _ in range(2)]
        other = api.caller(f"viewer:{PRODUCT}", owner=api.operator("ole", f"viewer:{PRODUCT}"))
        closing = asyncio.Event()

        async def open_stream(caller):
            started, gone = asyncio.get_running_loop().create_future(), asyncio.Event()

            async def receive():
                await gone.wait()
                return {"type": "http.disconnect"}

            async def send(message):
                if message["type"] == "http.response.start":
                    started.set_result(message["status"])
                else:
                    # a reader that takes nothing
                    await gone.wait()

            scope = {
                "type": "http",
                "method": "GET",
                "raw_path": f"/api/v1{path}".encode(),
                "query_string": b"",
                "headers": [(b"authorization", f"Bearer {caller.token}".encode())],
                "client": ("127.0.0.1", 1),
                "state": {CLOSING: closing},
            }
            task = asyncio.create_task(api.app(scope, receive, send))
            return started, gone, task

        async def story():
            opened = [await open_stream(callers[n % 2]) for n in range(EACH_MOST + 8)]
            opened.append(await open_stream(other))
            statuses = [await started for started, _, _ in opened[:-1]]
            assert statuses.count(200) == EACH_MOST
            assert await opened[-1][0] == 200
            for _, gone, _ in opened:
                gone.set()
            closing.set()
            await asyncio.wait_for(asyncio.gather(*(task for _, _, task in opened)), 20)
            # all places were given back
            again, gone, task = await open_stream(callers[0])
            assert await again == 200
            gone.set()
            await asyncio.wait_for(task, 20)

        api.run(story())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_b07_guesses_at_feeds_and_links_are_counted_before_they_are_looked_up(fleet, method):
    feeds = Feeds(fleet.database, BOX, URL, peers=_SamePeer(), monotonic=lambda: 1.0).app()
    path = {"GET": "/feeds?token=ratf_x", "POST": "/unsubscribe?token=x"}[method]
    browser = Browser(feeds)
    statuses = {browser._once(method, path, b"", {}).status for _ in range(130)}
    assert statuses == {404, 429}


def test_b07_a_guessed_link_takes_no_transaction_that_writes(fleet, monkeypatch):
    """With SQLite there is one at a time, and devices wait for it."""
    monkeypatch.setattr(type(fleet.database), "begin", None)
    feeds = Feeds(fleet.database, BOX, URL).app()
    assert Browser(feeds)._once("POST", "/unsubscribe?token=x", b"", {}).status == 404


@pytest.mark.parametrize("bomb", ['a="' + "\\a" * 30_000 + '"', "a" * 60_000, 'a="' * 20_000])
def test_b07_no_cookie_keeps_the_event_loop_busy(bomb, monkeypatch):
    """Every request of anybody has its cookies read, and devices wait meanwhile (CVE-2024-7592)."""

    def quadratic(*_):
        raise AssertionError("http.cookies reads what strangers send")

    monkeypatch.setattr("http.cookies.BaseCookie.load", quadratic)
    cookies = Cookies(is_plain=False)
    header = f'{bomb}; __Host-ratchet=rats_x; __Host-ratchet-went="gAAA=="; ratchet-theme=dark'
    assert cookies.session_of(header) == "rats_x"
    assert cookies.went_of(header) == "gAAA=="
    assert cookies.theme_of(header) == "dark"
    assert cookies.session_of(bomb) == ""


def _import(api, caller, content):
    """As bytes: a JSON library would not write them."""
    # the blanks make the second reader look, which finds names that stand twice
    body = b'{"files": [{"name": "x", "content": {' + content + b"}}]}"
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    headers = {"authorization": f"Bearer {caller.token}", "content-type": "application/json"}
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/api/v1/advisories",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
    }
    api.run(api.app(scope, receive, send))
    return sent[0]["status"]


def test_b07_a_long_body_is_not_read_for_who_may_not_send_it(tmp_path, monkeypatch):
    monkeypatch.setattr("ota_server.web.api.operator_api.read_json", None)
    with OperatorApiUnderTest(tmp_path) as api:
        assert _import(api, api.caller(f"admin:{PRODUCT}"), b'"id": 1') == 403


def test_b07_names_that_stand_twice_are_found_in_one_pass(tmp_path):
    """It once took the square of their number: 8 MB would have kept a thread for hours."""
    names = b",".join(b'"k%d":1' % number for number in range(100_000))
    with OperatorApiUnderTest(tmp_path) as api:
        assert _import(api, api.caller("admin:*"), names + b',"z":1,"z":1') == 422


def test_b07_a_number_of_thousands_of_digits_is_no_failure_of_the_server(tmp_path):
    with OperatorApiUnderTest(tmp_path) as api:
        assert _import(api, api.caller("admin:*"), b'"id": ' + b"1" * 5000) == 422


def test_b07_nobody_makes_subscriptions_and_tokens_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(notifications, "_EACH_MOST", 1)
    monkeypatch.setattr(api_tokens, "_EACH_MOST", 1)
    office = Office(tmp_path)
    mia, ole = office.person("alpha-mia"), office.hire("ole", "viewer:alpha")

    def feed(desk, name):
        notifications.subscribe(desk, MEANS, name=name, channel=Channel.FEED, wanted=Filter())

    def token(desk, name):
        api_tokens.issue(desk, name, [Grant(Role.VIEWER, ALPHA)])

    for make in (feed, token):
        for who in (mia, ole):
            with office.desk(who) as desk:
                make(desk, f"of-{who.name}")
            with pytest.raises(ConflictError, match="at most 1"), office.desk(who) as desk:
                make(desk, "another")
    office.close()
