"""B07 where it is not a flood: what one device, one download or one error costs all the others."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from running_server import make_published
from sqlalchemy import func, select
from starlette.responses import PlainTextResponse
from support.device_api import IDLE, ApiUnderTest
from support.tls_house import House

from ota_server.checkin import seen
from ota_server.checkin.seen import LastSeen
from ota_server.database import schema
from ota_server.devices import events
from ota_server.settings import ServerSettings
from ota_server.web import app as wiring
from ota_server.web import server
from ota_server.web.app import make_app
from ota_server.web.connections import ConnectionLimits, guarded_protocol
from ota_server.web.listeners import listen_on_network
from ota_server.web.tls import server_context


@pytest.fixture
def api(tmp_path):
    with ApiUnderTest(make_published(tmp_path)) as one:
        yield one


def test_a_device_that_renews_again_and_again_fills_no_disk(api, monkeypatch):
    monkeypatch.setattr(events, "EVENTS_MOST", 5)
    device = api.device()
    body = {"csr": device.identity.request().csr_pem}
    for _ in range(9):
        assert device.ask("POST", "/device/v1/renew", body).status == 200
        api.now += timedelta(seconds=1)
    with api.database.read() as connection:
        kept = connection.execute(select(func.count()).select_from(schema.device_events)).scalar_one()
    assert kept == 5


def test_downloads_take_no_place_from_devices_that_report(api, tmp_path, monkeypatch):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def endless(scope, receive, send):
        entered.set()
        await leave.wait()
        await PlainTextResponse("")(scope, receive, send)

    monkeypatch.setattr(wiring, "_files", lambda *_: endless)
    settings = ServerSettings(tmp_path, None, access_log=False, limit_concurrency=1)
    api.app = make_app(settings, fleet=api.parts)
    device = api.device()

    async def meanwhile():
        download = asyncio.create_task(api.asked("GET", "/targets/a"))
        await entered.wait()
        other = await api.asked("GET", "/targets/b")
        told = await api.asked("POST", "/device/v1/check-in", IDLE, der=device.shown)
        leave.set()
        return [answer.status for answer in (await download, other, told)]

    assert api.run(meanwhile()) == [200, 503, 200]


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        (None, {}, 200),
        ("127.0.0.1", {}, 200),
        ("10.0.0.9", {}, 404),
        # what the example for nginx sends over its socket, of a stranger and of this machine
        (None, {"x-real-ip": "203.0.113.9"}, 404),
        (None, {"x-real-ip": "127.0.0.1"}, 200),
        # nobody comes nearer by saying so
        ("10.0.0.9", {"x-real-ip": "127.0.0.1"}, 404),
        (None, {"x-real-ip": "nonsense"}, 404),
    ],
)
def test_figures_are_for_this_machine_also_behind_a_proxy(api, client, headers, status):
    assert api.ask("GET", "/metrics", client=client, **headers).status == status


def test_one_error_that_nobody_expected_does_not_end_the_writing_of_last_check_ins(monkeypatch):
    monkeypatch.setattr(seen, "LATE_S", 0)
    monkeypatch.setattr(seen, "_AGAIN_S", 0)
    failed, written = asyncio.Event(), asyncio.Event()
    batches = []

    async def write(batch):
        if not failed.is_set():
            failed.set()
            raise RuntimeError("nobody expected it")
        batches.append(batch)
        written.set()

    async def live():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        last_seen = LastSeen(write)
        last_seen.note(1, 10)
        await failed.wait()
        # the failed task has ended
        await asyncio.sleep(0.01)
        last_seen.note(2, 11)
        await written.wait()

    asyncio.run(asyncio.wait_for(live(), 30))
    assert batches == [[(2, 11)]]


def test_a_connection_that_does_not_begin_tls_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_HANDSHAKE_S", 0.05)
    tls = server_context(House(tmp_path).files, datetime.now(UTC))
    listener = listen_on_network("127.0.0.1", 0, tls, reuse_port=False)
    config = server._config(SimpleNamespace(app=PlainTextResponse("")), None)
    config.load()
    one = server._Server(config, guarded_protocol(ConnectionLimits(9)), [listener], lambda _: None)
    one.lifespan = config.lifespan_class(config)

    async def stand_there():
        await one.startup()
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        said = await reader.read()
        writer.close()
        await one.shutdown()
        return said

    assert asyncio.run(asyncio.wait_for(stand_there(), 30)) == b""
