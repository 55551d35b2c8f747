"""B12: nobody gets in without a session, and no page of another site changes anything."""

from dataclasses import replace

import pytest
from page_paths import CHANGES, LOOKED_AT
from starlette.datastructures import Headers
from support.browser import HOST, Browser
from support.demo_house import make_house

from ota_server.errors import ForbiddenError, SignInError
from ota_server.operators import invitation
from ota_server.operators.actor import Role
from ota_server.operators.oidc.flow import Going
from ota_server.operators.oidc.identity import Identity
from ota_server.settings.oidc import OidcSettings
from ota_server.web.pages.dashboard import Dashboard
from ota_server.web.pages.guard import check_origin
from ota_server.web.peer import NoPeers
from ota_server.web.rates import AddressRate

WRONG = (
    ({"csrf": ""}, {}),
    ({"csrf": "0" * 64}, {}),
    ({}, {"origin": "https://evil.example"}),
    ({}, {"origin": "null"}),
    # the same host without TLS: whoever is on the line wrote that page (B09)
    ({}, {"origin": f"http://{HOST}"}),
    ({}, {"origin": f"https://sub.{HOST}"}),
    ({}, {"origin": f"https://{HOST}:8443"}),
    ({}, {"sec-fetch-site": "cross-site"}),
    ({}, {"content-type": "text/plain"}),
    ({}, {"content-type": "multipart/form-data; boundary=x"}),
)
PASSWORD = "two otters swim"


def _newest_entry(house):
    with house.database.read() as connection:
        return connection.exec_driver_sql("SELECT max(id) FROM audit_entries").scalar()


def _signs_in(browser, house, fleet):
    with house.database.begin() as connection:
        link = invitation.invite(connection, fleet.people["ben"].id, now=house.clock())
    fields = {"code": link.code, "password": PASSWORD, "again": PASSWORD}
    return browser.post("/welcome", fields, follow=False)


def test_a_stranger_is_sent_to_the_door(stranger):
    for path in LOOKED_AT:
        shown = stranger.get(path, follow=False)

        assert shown.status in {303, 401}, path
        assert (shown.headers.get("location") or shown.headers["hx-redirect"]).startswith("/sign-in")


@pytest.mark.walk(4)
@pytest.mark.parametrize(("fields", "headers"), WRONG, ids=str)
def test_a_form_that_no_page_of_ours_made_is_refused(signed_in, house, fields, headers):
    browser, before = signed_in("mia"), _newest_entry(house)
    browser.get("/")

    paths = [*CHANGES, "/account/password", "/sign-out"]
    statuses = {path: browser.post(path, fields, **headers).status for path in paths}

    assert statuses == dict.fromkeys(paths, 403)
    assert _newest_entry(house) == before


def test_a_token_of_another_session_is_no_token_of_this_one(visit):
    foreign = visit("ben").get("/").csrf

    assert visit("mia").post("/rollouts/5/pause", {"csrf": foreign}).status == 403


def test_a_request_that_does_not_say_its_origin_is_refused(signed_in):
    browser = signed_in("mia")
    browser.get("/")

    shown = browser._once("POST", "/rollouts/5/pause", b"csrf=" + browser.last.encode(), {})

    assert shown.status == 403
    assert "origin" in shown.words


def test_a_request_that_names_no_host_has_no_origin_of_its_own():
    with pytest.raises(ForbiddenError):
        check_origin(Headers({"origin": "https://"}), is_plain=False)


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example/", "/\\evil.example", "", "x"])
def test_nobody_is_led_to_another_site_after_signing_in(signed_in, path):
    assert signed_in("mia").get(f"/sign-in?next={path}", follow=False).headers["location"] == "/"


def test_a_path_is_never_made_of_what_a_form_says(signed_in):
    fields = {"theme": "dark", "back": f"//{HOST}.evil.example/"}

    assert signed_in("mia").post("/theme", fields, follow=False).headers["location"] == "/"


def test_every_answer_forbids_what_pages_do_not_need(pages_of_an_admin, stranger):
    paths = ("/", "/live", "/sign-in", "/welcome", "/nowhere", "/static/none.css")
    strangers = [stranger.get(path, follow=False) for path in paths]

    for shown in (*pages_of_an_admin.values(), *strangers):
        parts = shown.headers["content-security-policy"].split(";")
        policy = dict(part.strip().split(" ", 1) for part in parts)
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert shown.headers["referrer-policy"] == "same-origin"
        assert "max-age" in shown.headers["strict-transport-security"]
        assert shown.headers["cache-control"] == "no-store"


def test_a_link_in_a_mail_finds_the_session_though_its_cookie_is_strict(stranger, visit):
    """The browser does not show it to a request of another site; to the next, which is ours, it does."""
    first = stranger.get("/rollouts/5?x=1", sec_fetch_site="cross-site")

    assert first.status == 200
    assert 'http-equiv="refresh" content="0; url=/rollouts/5?x=1"' in first.text
    assert "closes-acme-014" not in first.text
    assert "closes-acme-014" in visit("mia").get("/rollouts/5?x=1", sec_fetch_site="same-origin").text
    door = stranger.get("/rollouts/5", follow=False).headers["location"]
    assert door == "/sign-in?next=%2Frollouts%2F5"


class _Flow:
    """An identity provider that knows one person."""

    def begin(self, _now):
        return Going("https://id.example/authorize?state=s", "sealed")

    def finish(self, query, cookie, _now):
        if (query.get("code"), cookie) != ("good", "sealed"):
            raise SignInError("expected an answer that was asked for")
        return Identity("https://id.example", "s-1", "pat", "", {"camera": Role.VIEWER})


def test_somebody_signs_in_at_an_identity_provider(own_house):
    settings = OidcSettings("https://id.example", "ratchet", label="ACME sign-on")
    house = replace(own_house, oidc=_Flow(), settings=replace(own_house.settings, oidc=settings))
    browser = Browser(Dashboard(house))
    assert "ACME sign-on" in browser.get("/sign-in").words

    gone = browser.get("/sign-in/oidc")
    assert gone.headers["location"] == "https://id.example/authorize?state=s"
    assert "SameSite=lax" in gone.cookies[0]

    back = browser.get("/sign-in/oidc/callback?code=good", sec_fetch_site="cross-site")
    # a redirect would still be the provider's, and the strict cookie would not be shown
    assert back.status == 200
    assert 'content="0; url=/"' in back.text
    assert "__Host-ratchet-went" not in browser.cookies
    assert "pat" in browser.get("/account").words


def test_an_answer_that_nobody_asked_for_begins_no_session(own_house):
    browser = Browser(Dashboard(replace(own_house, oidc=_Flow())))

    assert browser.get("/sign-in/oidc/callback?code=good").status == 403
    assert browser.get("/", follow=False).status == 303


def test_over_plain_http_no_promise_of_tls_is_made(fleet):
    shown = Browser(Dashboard(make_house(fleet, is_plain=True))).get("/sign-in")

    assert "strict-transport-security" not in shown.headers


def test_the_session_cookie_is_bound_to_this_host_and_hidden_from_scripts(own_house, stranger, fleet):
    cookie = _signs_in(stranger, own_house, fleet).cookies[0]

    assert cookie.startswith("__Host-ratchet=rats_")
    for word in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert word in cookie
    # a session's cookie is gone when the browser closes
    assert "Domain" not in cookie
    assert "Max-Age" not in cookie


def test_over_plain_http_the_cookie_has_another_name(fleet, own_house):
    house = replace(own_house, is_plain=True)
    cookie = _signs_in(Browser(Dashboard(house)), house, fleet).cookies[0]

    assert cookie.startswith("ratchet=rats_")
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie


class _SamePeer:
    address = staticmethod(lambda _scope: "192.0.2.7")
    certificate_der = NoPeers.certificate_der


@pytest.mark.system  # hashes a password for each
def test_too_many_tries_from_one_address_are_turned_away(fleet):
    house = make_house(fleet, peers=_SamePeer(), sign_ins=AddressRate(3), monotonic=lambda: 1.0)
    browser = Browser(Dashboard(house))

    statuses = [browser.post("/sign-in", {"name": "nobody", "password": "x"}).status for _ in range(5)]

    assert statuses == [403, 403, 403, 429, 429]


def test_too_many_requests_from_one_address_are_turned_away(fleet):
    house = make_house(fleet, peers=_SamePeer(), requests=AddressRate(2), monotonic=lambda: 1.0)
    browser = Browser(Dashboard(house))

    assert [browser.get("/sign-in").status for _ in range(3)] == [200, 200, 429]
