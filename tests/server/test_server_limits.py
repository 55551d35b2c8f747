"""B07 as far as it concerns published files: nobody takes the server from the others."""

import contextlib
import http.client
import socket
import threading
import time
from dataclasses import replace

import pytest
from running_server import DATA, DATA_NAME, LIMITS, MIB, make_sparse, serving

from ota_server.settings import ServerSettings
from ota_server.web.app import make_app
from ota_server.web.limits import Limits
from ota_server.web.listeners import listen_on_network


@pytest.fixture
def app(published):
    return make_app(ServerSettings(published, None))


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def drain(connection):
    """Read to the end, which may be a reset."""
    with contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_small_answers_do_not_wait_for_an_acknowledgement():
    """Without TCP_NODELAY each takes 40 ms."""
    with (
        listen_on_network("127.0.0.1", 0, None, reuse_port=False).socket as listener,
        connect(listener.getsockname()[1]),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_long_address_is_414(server):
    assert server.ask("/metadata/" + "a" * 3000)[0] == 414
    assert server.ask("/metadata/timestamp.json?" + "a" * 3000)[0] == 414


@pytest.mark.parametrize("header", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_a_body_is_refused_and_the_connection_closed(server, header):
    answer = server.raw(b"POST /metadata/timestamp.json HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


@pytest.mark.parametrize("line", [b"X: " + b"a" * 20_000, b"X: a\r\n" * 5000])
def test_a_long_head_is_400(server, line):
    answer = server.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + line)
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.walk(1)
@pytest.mark.parametrize("begun", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nX: a\r\n"])
def test_a_head_that_does_not_end_is_cut_off(app, begun):
    with serving(app, replace(LIMITS, head_timeout_s=0.05)) as (port, _), connect(port) as connection:
        connection.sendall(begun)
        assert not drain(connection)


@pytest.mark.system  # waits for it
def test_a_second_head_that_does_not_end_is_cut_off_too(app):
    # long enough for the first one, however busy the machine is
    with serving(app, replace(LIMITS, head_timeout_s=1)) as (port, _), connect(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /heal")
        assert b"HTTP/1.1" not in drain(connection)


def test_a_client_that_does_not_take_its_file_is_cut_off(tmp_path):
    name = make_sparse(tmp_path, 64 * MIB)
    app = make_app(ServerSettings(tmp_path, None))
    with (
        serving(app, replace(LIMITS, drain_timeout_s=0.05)) as (port, server),
        connect(port) as connection,
    ):
        connection.sendall(f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        # the server knows of the request, and forgets it only by cutting it off
        with contextlib.suppress(ConnectionResetError):
            connection.recv(1)
        wait_until(lambda: not server.server_state.tasks and not server.server_state.connections)
        assert server.server_state.total_requests == 0


def wait_until(true):
    for _ in range(2000):
        if true():
            return
        time.sleep(0.005)
    pytest.fail("waited in vain")


def test_a_client_that_hangs_up_costs_no_more_reading(tmp_path, monkeypatch):
    from ota_server.files.folder import PublishedFile

    pieces = []
    monkeypatch.setattr(
        PublishedFile, "read_now", lambda _, start, size: pieces.append(start) or bytes(size)
    )
    name = make_sparse(tmp_path, 4096 * MIB)
    with serving(make_app(ServerSettings(tmp_path, None))) as (port, server):
        with connect(port) as connection:
            connection.sendall(f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            connection.recv(1000)
        wait_until(lambda: not server.server_state.tasks)
    assert len(pieces) < 200


def test_more_requests_at_a_time_than_the_limit_get_503_and_when_to_try_again():
    entered, leave = threading.Semaphore(0), threading.Event()

    async def slow(_scope, _receive, send):
        import asyncio

        entered.release()
        await asyncio.to_thread(leave.wait, 10)
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body", "body": b""})

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/x")
        return connection, connection.getresponse

    with serving(Limits(slow, requests_most=2)) as (port, _):
        first = [ask() for _ in range(2)]
        for _ in first:
            assert entered.acquire(timeout=10)
        third, response = ask()
        answer = response()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
        leave.set()
        assert [response().status for _, response in first] == [200, 200]
        for connection, _ in [*first, (third, None)]:
            connection.close()
        again, response = ask()
        assert response().status == 200
        again.close()


def test_more_connections_than_the_limit_are_closed(app):
    with serving(app, replace(LIMITS, connections_most=2)) as (port, server):
        kept = [connect(port) for _ in range(2)]
        wait_until(lambda: len(server.server_state.connections) == 2)
        with connect(port) as third:
            assert not drain(third)
        kept[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b'{"status":"ok"}' in drain(kept[0])
        for connection in kept:
            connection.close()


def test_a_disk_that_fails_is_503_before_the_status_and_a_cut_off_after(published, monkeypatch):
    from ota_server.errors import PublishedFolderError
    from ota_server.files.folder import PublishedFile

    good = PublishedFile.read_now
    fails_at = 0

    def read(self, start, size):
        if start >= fails_at:
            raise PublishedFolderError("a published file cannot be read: Input/output error")
        return good(self, start, size)

    monkeypatch.setattr(PublishedFile, "read_now", read)
    with serving(make_app(ServerSettings(published, None))) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/" + DATA_NAME)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
        assert b"Input" not in answer.read()
        fails_at = 1
        connection.request("GET", "/" + DATA_NAME)
        answer = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
        connection.close()
    assert 0 < len(caught.value.partial) < len(DATA)
