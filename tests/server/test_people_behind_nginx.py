"""People and programs through Debian's nginx, by the example of integration/nginx (B09, B12)."""

import http.client
import json
import time
from http.cookies import SimpleCookie
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from operated_server import Operator, behind_nginx
from support.nginx import needs_nginx, socket_folder
from support.tls_client import client_context

pytestmark = [pytest.mark.system, needs_nginx]
PASSWORD = "correct horse battery staple"


class Visitor:
    """Comes over TLS, which ends in nginx."""

    def __init__(self, operator, address):
        self._address = address
        self._context = client_context(operator.folder / "ca.pem")
        self.origin = "https://{}:{}".format(*address)

    def begin(self, method, path, body=None, **headers):
        connection = http.client.HTTPSConnection(*self._address, context=self._context, timeout=30)
        connection.request(method, path, body, headers)
        return connection, connection.getresponse()

    def get(self, path, **headers):
        connection, response = self.begin("GET", path, **headers)
        return _read(connection, response)

    def post(self, path, fields, **headers):
        headers = {"Origin": self.origin, "Content-Type": "application/x-www-form-urlencoded", **headers}
        connection, response = self.begin("POST", path, urlencode(fields), **headers)
        return _read(connection, response)


def _read(connection, response):
    try:
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def house():
    with socket_folder() as folder:
        operator = Operator(folder)
        with behind_nginx(operator) as address:
            yield SimpleNamespace(operator=operator, visitor=Visitor(operator, address))


@pytest.fixture(scope="module")
def code(house):
    link = house.operator.run("user", "invite", "admin", "--again")
    return link.partition("code=")[2]


@pytest.fixture(scope="module")
def welcomed(house, code):
    """The answer to the first password."""
    assert house.visitor.get(f"/welcome?code={code}")[0] == 200
    fields = {"code": code, "password": PASSWORD, "again": PASSWORD}
    return house.visitor.post("/welcome", fields)


@pytest.fixture(scope="module")
def cookie(welcomed):
    ((name, morsel),) = SimpleCookie(welcomed[1]["set-cookie"]).items()
    return {"Cookie": f"{name}={morsel.value}"}


def test_the_first_operator_comes_in_by_a_cookie_that_is_bound_to_tls(welcomed):
    status, headers, _ = welcomed
    assert (status, headers["location"]) == (303, "/?done=password-set")
    ((name, morsel),) = SimpleCookie(headers["set-cookie"]).items()
    assert name == "__Host-ratchet"
    assert morsel["secure"]
    assert morsel["httponly"]
    assert headers["strict-transport-security"] == "max-age=31536000"


def test_pages_are_shown(house, cookie):
    status, headers, text = house.visitor.get("/", **cookie)
    assert status == 200
    assert "No devices yet" in text
    assert headers["content-security-policy"].startswith("default-src 'none'")


def test_somebody_signs_in_with_a_password(house, welcomed):
    status, headers, _ = house.visitor.post("/sign-in", {"name": "admin", "password": PASSWORD})
    assert (welcomed[0], status, headers["location"]) == (303, 303, "/")


@pytest.mark.parametrize("origin", ["https://127.0.0.1", "https://elsewhere.example", "null"])
def test_b12_a_form_of_another_origin_is_refused_also_of_another_port(house, cookie, origin):
    status, _, text = house.visitor.post("/sign-out", {}, Origin=origin, **cookie)
    assert status == 403
    assert "xpected a form of" in text


def test_what_changes_is_told_at_once_and_not_kept_back(house, cookie):
    connection, response = house.visitor.begin("GET", "/live", **cookie)
    try:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.readline() == b"retry: 3000\n"
    finally:
        connection.close()


def test_a_program_asks_with_its_token(house):
    token = house.operator.run("api-token", "issue", "ci", "--grant", "viewer:*")
    bearer = {"Authorization": f"Bearer {token}"}
    status, _, text = house.visitor.get("/api/v1/devices", **bearer)
    assert (status, json.loads(text)["items"]) == (200, [])
    assert house.visitor.get("/api/v1/devices")[0] == 401


def test_b12_nginx_writes_no_link_s_secret_into_its_log(house, code, welcomed):
    assert welcomed[0] == 303
    log = (house.operator.folder / "access.log").read_text()
    assert '"GET /welcome" 200' in log
    assert code not in log


def test_the_server_s_access_log_names_who_came_through_nginx(house):
    house.visitor.get("/sign-in", **{"X-Real-IP": "203.0.113.9"})
    deadline = time.monotonic() + 20
    # a line is written behind the answer that it is about
    while "GET /sign-in 200" not in (log := (house.operator.folder / "server.log").read_text()):
        assert time.monotonic() < deadline, log
        time.sleep(0.02)
    assert "127.0.0.1 GET /sign-in 200" in log
    assert "203.0.113.9" not in log
