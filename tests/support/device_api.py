"""The device API in this process: no socket, and a clock that the test sets."""

import asyncio
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import uvicorn
from sqlalchemy import insert, select, update

from ota_server.checkin.check_in import Pace
from ota_server.checkin.opening import lookup_for
from ota_server.database import schema
from ota_server.devices import tokens
from ota_server.rollouts import rollout
from ota_server.rollouts.penalty import FleetRules
from ota_server.settings import ServerSettings
from ota_server.web.app import make_app
from ota_server.web.connections import ConnectionLimits, guarded_protocol
from ota_server.web.device_api import FleetParts
from ota_server.web.rates import Rates
from support.fleet import PRODUCT, Releases, add_group, make_plan, open_database
from support.identities import Identity, der, make_device_authority

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
IDLE = {
    "running_version": "1.0.0",
    "rollback_index": 1,
    "phase": "idle",
    "root_version": 1,
    "inventory": "0" * 64,
}


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self):
        return json.loads(self.content) if self.content else None


class ShownPeers:
    """Believes what the test puts into the scope, or that every request is one device's."""

    of_all = None

    def certificate_der(self, scope):
        return scope.get("test_der", self.of_all)

    def address(self, scope):
        return scope["client"][0] if scope["client"] else "-"


class ApiUnderTest:
    """An application over a new database; use it in a ``with`` statement.

    Attributes:
        now: what its clock says.
        monotonic_s: likewise.
        state: of each request's scope.
    """

    def __init__(self, folder, *, device=10**6, address=10**6, enrolment=10**6):
        self.now, self.monotonic_s, self.state = NOW, 1000.0, {}
        self.database = open_database(folder)
        self.authority = make_device_authority(folder, now=NOW)
        self.lookup = lookup_for(self.database)
        self.peers = ShownPeers()
        parts = FleetParts(
            self.database,
            self.lookup,
            self.peers,
            self.authority,
            Pace(300, 0.1, lambda: 0.5),
            FleetRules(),
            Rates(device=device, address=address, enrolment=enrolment),
            clock=lambda: self.now,
            monotonic=lambda: self.monotonic_s,
        )
        self.parts = parts
        self.app = make_app(ServerSettings(folder, None, access_log=False), fleet=parts)
        self._runner = asyncio.Runner()

    def __enter__(self):
        self.run(self.lookup.open())
        return self

    def __exit__(self, *_):
        self.run(self.lookup.close())
        self._runner.close()
        self.database.close()

    def run(self, awaitable):
        return self._runner.run(awaitable)

    def ask(self, method, path, body=None, *, der=None, client="127.0.0.1", **headers):
        """Send one request; ``body`` is bytes, or something for JSON."""
        return self.run(self.asked(method, path, body, der=der, client=client, **headers))

    async def asked(self, method, path, body=None, *, der=None, client="127.0.0.1", **headers):
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {"content-type": "application/json"} if content else {}
        named |= {"content-length": str(len(content))} if content else {}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
            "client": (client, 1) if client else None,
            "server": ("127.0.0.1", 8443),
            "scheme": "https",
            "state": dict(self.state),
            "test_der": der,
        }
        return await self._exchange(scope, content)

    async def _exchange(self, scope, content):
        sent, asked = [], []

        async def receive():
            if asked:
                # nothing follows the body while the client waits for the answer
                await asyncio.Event().wait()
            asked.append(True)
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        head = sent[0]
        names = {name.decode(): value.decode() for name, value in head["headers"]}
        return Answered(head["status"], names, b"".join(m.get("body", b"") for m in sent[1:]))

    # devices

    def device(self, device_id="cam-1", **row):
        """An enrolled device, straight into the database."""
        one = Device(self, Identity.new(device_id, product=PRODUCT))
        values = {
            "device_id": device_id,
            "product": PRODUCT,
            "hardware_id": "cam-v2",
            "key_sha256": one.identity.key_sha256,
            "status": "active",
            "created_at": int((NOW - timedelta(days=9)).timestamp()),
            "certificate_expires_at": int((NOW + timedelta(days=300)).timestamp()),
            **row,
        }
        with self.database.begin() as connection:
            made = insert(schema.devices).values(values).returning(schema.devices.c.pk)
            one.pk = connection.execute(made).scalar_one()
        return one

    def token(self, **named):
        with self.database.begin() as connection:
            lifetime = timedelta(hours=1)
            made = tokens.issue(connection, product=PRODUCT, lifetime=lifetime, now=self.now, **named)
            return made.token

    def roll_out(self, *devices, **plan):
        """Roll 1.1.0 out to devices that have checked in; returns the rollout's id."""
        releases = Releases()
        releases.put("1.1.0")
        with self.database.begin() as connection:
            add_group(connection, [device.pk for device in devices], name=plan.get("group", "all"))
            made = rollout.create(connection, make_plan(**plan), catalog=releases, now=self.now)
        return made.id

    def rows(self, table, **where):
        with self.database.read() as connection:
            return connection.execute(select(table).filter_by(**where)).all()

    def set(self, table, where, **values):
        with self.database.begin() as connection:
            connection.execute(update(table).filter_by(**where).values(values))


@contextmanager
def served(api, limits=None):
    """Serve the application on loopback as ``ota-server`` does, in a thread; gives port and server."""
    limits = limits or ConnectionLimits(connections_most=100)
    config = uvicorn.Config(
        api.app,
        interface="asgi3",
        http=guarded_protocol(limits),
        lifespan="off",
        ws="none",
        log_config=None,
    )
    server = uvicorn.Server(config)

    async def serve(listener):
        await server.serve(sockets=[listener])
        await api.lookup.close()

    # what is noted in one loop is not to be written in another
    api.run(api.lookup.close())
    api.run(api.lookup.open())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=asyncio.run, args=[serve(listener)])
        thread.start()
        try:
            yield listener.getsockname()[1], server
        finally:
            server.should_exit = True
            thread.join(30)
            api.run(api.lookup.open())


@dataclass
class Device:
    """A device that talks to the application."""

    api: ApiUnderTest
    identity: Identity
    pk: int = 0
    shown: bytes = field(init=False)

    def __post_init__(self):
        self.shown = der(self.identity.certificate(self.api.authority, NOW).pem)

    def ask(self, method, path, body=None, **more):
        return self.api.ask(method, path, body, der=self.shown, **more)

    def check_in(self, **said):
        return self.ask("POST", "/device/v1/check-in", {**IDLE, **said})

    def report(self, *reports, stream="a" * 32):
        return self.ask("POST", "/device/v1/reports", {"stream": stream, "reports": list(reports)})


def report(sequence, state="downloading", version="1.1.0", **more):
    at = "2026-11-22T11:00:00Z"
    return {"sequence": sequence, "at": at, "state": state, "version": version, **more}
