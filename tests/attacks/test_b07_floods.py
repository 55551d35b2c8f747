"""B07: request floods, slow clients and exhausted connections, against the device API.

tests/server/test_server_limits.py has the same for published files.
"""

import contextlib
import json
import socket
import time

import pytest
from support.device_api import IDLE, ApiUnderTest, served

from ota_server.settings import ServerSettings
from ota_server.web.app import make_app
from ota_server.web.connections import ConnectionLimits

BODY = json.dumps(IDLE).encode()


@pytest.fixture
def api(tmp_path):
    with ApiUnderTest(tmp_path) as one:
        one.peers.of_all = one.device().shown
        yield one


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def request(body=BODY, *, length=None, path="check-in", more=b""):
    length = len(body) if length is None else length
    return (
        (
            f"POST /device/v1/{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\n"
        ).encode()
        + more
        + b"\r\n"
        + body
    )


def drain(connection):
    """Read to the end, which may be a reset."""
    with contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: connection.recv(65536), b""))


def asked(port, *pieces):
    with connect(port) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return drain(connection)


CLOSE = b"Connection: close\r\n"


def test_a_device_that_floods_is_told_to_wait_and_the_others_are_served(tmp_path):
    with ApiUnderTest(tmp_path, device=10) as api:
        loud, quiet = api.device("cam-1"), api.device("cam-2")
        answers = [loud.check_in() for _ in range(200)]
        assert [answer.status for answer in answers] == [200] * 10 + [429] * 190
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers[10:])
        assert quiet.check_in().status == 200
        # what is refused costs no look-up
        loud.api.lookup.find = None
        assert loud.check_in().status == 429


def test_an_address_that_floods_is_told_to_wait_whoever_it_says_it_is(tmp_path):
    with ApiUnderTest(tmp_path, address=10) as api:
        statuses = [api.ask("POST", "/device/v1/enrol", {}, client="10.0.0.9").status for _ in range(30)]
        statuses += [api.ask("GET", "/device/v1/nothing", client="10.0.0.9").status for _ in range(30)]
        assert statuses[:10] == [422] * 10
        assert set(statuses[10:30]) == {429}
        assert api.device().ask("GET", "/device/v1/assignment", client="10.0.0.9").status == 429
        assert api.device("cam-2").check_in().status == 200


@pytest.mark.system  # waits for it
def test_a_body_that_does_not_come_is_cut_off_and_holds_up_nobody(api):
    # long enough for the one that sends all, however busy the machine is
    limits = ConnectionLimits(connections_most=100, head_timeout_s=1)
    with served(api, limits) as (port, server):
        slow = [connect(port) for _ in range(20)]
        for connection in slow:
            connection.sendall(request(BODY[:10], length=len(BODY)))
        assert asked(port, request(more=CLOSE)).startswith(b"HTTP/1.1 200 ")
        for connection in slow:
            assert b"200" not in drain(connection)
            connection.close()
        state = server.server_state
        for _ in range(2000):
            if not (state.connections or state.tasks):
                break
            time.sleep(0.005)
        assert not state.connections
        assert not state.tasks


def test_a_body_that_comes_in_drops_is_read_while_its_time_lasts(api):
    with served(api) as (port, _):
        whole = request(more=CLOSE)
        pieces = [whole[at : at + 40] for at in range(0, len(whole), 40)]
        assert asked(port, *pieces).startswith(b"HTTP/1.1 200 ")


@pytest.mark.walk(3)
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(b"", length=10**12), b"413"),
        (request(b"", length=65_537), b"413"),
        (request(b" " * 16_385), b"413"),
        (request(b"", length=-1), b"400"),
        (request(more=b"Transfer-Encoding: chunked\r\n"), b"400"),
        (
            b"PUT /device/v1/reports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
            b"411",
        ),
        (b"GET /device/v1/assignment HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 6000 + b"\r\n", b"400"),
        (b"GET /device/v1/assignment HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"400"),
    ],
    ids=["terabyte", "over all", "over its own", "negative", "smuggled", "chunked", "lines", "line"],
)
def test_what_is_too_long_is_refused_unread_and_the_connection_closed(api, sent, status):
    with served(api) as (port, _):
        assert asked(port, sent).startswith(b"HTTP/1.1 " + status)


def test_a_large_body_does_not_pass_for_a_long_head(api):
    body = json.dumps({"attributes": {f"a{n}": "x" * 200 for n in range(100)}, "slots": []}).encode()
    sent = request(body, path="attributes", more=CLOSE).replace(b"POST", b"PUT", 1)
    with served(api) as (port, _):
        assert asked(port, sent).startswith(b"HTTP/1.1 204 ")


def test_beyond_the_most_requests_at_a_time_the_answer_is_when_to_come_again(api, tmp_path):
    api.app = make_app(ServerSettings(tmp_path, None, limit_concurrency=1), fleet=api.parts)
    with served(api) as (port, server), connect(port) as first:
        first.sendall(request(BODY[:10], length=len(BODY)))
        while not server.server_state.tasks:
            time.sleep(0.005)
        answer = asked(port, request(more=CLOSE))
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 30" in answer
        first.sendall(BODY[10:])
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
