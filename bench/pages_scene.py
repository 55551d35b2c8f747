"""A fleet with a past, a server before it, and somebody who is signed in."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, update
from support.demo_releases import sbom
from support.server_fleet import ServerFleet
from support.signing_desk import PRODUCT, advisory

from bench import fleet_rows
from bench.rows import insert_rows, settle
from ota_server.database.events_schema import deliveries, subscriptions
from ota_server.journal import audit
from ota_server.journal.audit import Entry
from ota_server.journal.event import Event, EventKind, record
from ota_server.notify import subscription
from ota_server.notify.filter import Filter
from ota_server.notify.subscription import Channel
from ota_server.operators import account, session
from ota_server.operators.role import Grant
from ota_server.operators.session import SessionRules
from ota_server.web.pages.cookies import Cookies

ROLLOUT: Final = 1
ADVISORY: Final = "ACME-2026-001"
DEVICE: Final = "gw-000000"
_ADVISORIES: Final = 30
_COMPONENTS: Final = 400
_ENTRIES: Final = 120


class Scene:
    """Devices in a database, and a browser's requests.

    Attributes:
        server: running, once the scene is made.
    """

    def __init__(self, server: ServerFleet, devices: int) -> None:
        self.server = server
        now = datetime.now(UTC)
        _publish(server)
        with server.database.begin() as connection:
            fleet_rows.fill(connection, devices, now)
            _fill_journal(connection, now)
            _fill_deliveries(connection, now)
            self._cookie = _sign_in(connection, now)
        settle(server.database)
        self._addresses = count(1)

    @property
    def socket(self) -> str:
        """Where the server listens for its proxy."""
        return str(self.server.sockets[0])

    def request(self, path: str, headers: str = "") -> bytes:
        """A browser's request; each comes from another address, as one may not ask so often."""
        return (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self._cookie}\r\n"
            f"Accept-Encoding: gzip\r\nX-Real-IP: 2001:db8::{next(self._addresses):x}\r\n{headers}\r\n"
        ).encode()


@contextmanager
def scene(url: str | None, devices: int) -> Iterator[Scene]:
    """Serve so many devices from a database; None is SQLite."""
    # what time brings to rollouts is not what is measured
    with ServerFleet(url=url, step_s=600) as server:
        one = Scene(server, devices)
        server.start()
        yield one


def _publish(server: ServerFleet) -> None:
    """Two releases, of what a system of this kind is made of."""
    desk = server.desk
    for number, version in enumerate((fleet_rows.OLD[-1], fleet_rows.NEW)):
        bill = Path(server.folder, "sbom.json")
        bill.write_bytes(sbom(PRODUCT, version, _components(number)))
        fixes = [advisory(f"ACME-2026-{n:03}", version) for n in range(1, _ADVISORIES + 1)]
        desk.now = datetime.now(UTC)
        given = {"advisories": tuple(fixes) if number else (), "sbom": bill}
        desk.release(version, content=os.urandom(100_000), notes="Mends what was found.", **given)


def _components(release: int) -> dict[str, str]:
    """Each fifth one is newer in the second release; names that say nothing pack as badly as can be."""
    names = {n: f"lib{hashlib.sha256(bytes(n)).hexdigest()[:8]}" for n in range(_COMPONENTS)}
    return {name: f"1.{release if n % 5 == 0 else 0}.{n}" for n, name in names.items()}


def _fill_journal(connection: Connection, now: datetime) -> None:
    for number in range(_ENTRIES):
        device_id = f"gw-{number:06}"
        tagged = Entry("operator", "mia", "device.tag", device_id, PRODUCT, {"tags": ["beta"]})
        audit.append(connection, tagged, now=now)
        enrolled = Event(EventKind.DEVICE_ENROLLED, {"hardware_id": "gw-rev2", "rekeyed": False})
        record(connection, enrolled, now=now)


def _fill_deliveries(connection: Connection, now: datetime) -> None:
    made = subscription.add(
        connection,
        name="duty",
        channel=Channel.WEBHOOK,
        operator_id=None,
        address="https://hooks.example.com/ratchet",
        secret=json.dumps({}),
        wanted=Filter(),
        now=now - timedelta(days=1),
    )
    # nobody listens there
    connection.execute(update(subscriptions).filter_by(id=made.id).values(status="paused"))
    rows = (
        {"subscription_id": made.id, "event_id": n, "state": "delivered", "attempts": 1}
        | {"at": int(now.timestamp()), "http_status": 204}
        for n in range(1, _ENTRIES + 1)
    )
    insert_rows(connection, deliveries, rows)


def _sign_in(connection: Connection, now: datetime) -> str:
    """An administrator's cookie."""
    made = account.create(connection, "mia", [Grant.parse("admin")], now=now)
    connection.exec_driver_sql("UPDATE operators SET status = 'active'")
    token = session.start(connection, made.id, now, rules=SessionRules())
    return f"{Cookies(is_plain=False).name}={token}"
