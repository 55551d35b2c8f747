"""A database full of devices, groups and rollouts, and a server before it."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import Connection, insert
from support.identities import Identity
from support.server_fleet import ServerFleet

from bench.rows import insert_rows, settle
from ota_client.formats.version import Version
from ota_client.protocol import CHECK_IN
from ota_server.database import schema
from ota_server.devices.authority import DeviceAuthority
from ota_server.rollouts.plan import RolloutPlan, WavePlan

GROUPS: Final = 20
ROLLOUTS: Final = 5
# of so many devices the keys are known: they are the ones that ask
ASKING: Final = 500
_PRODUCT: Final = "gateway"
_SAID: Final = {
    "running_version": "1.0.0",
    "rollback_index": 1,
    "phase": "idle",
    "root_version": 1,
}
_INVENTORY: Final = "0" * 64


class Scene:
    """Devices in a database, and what those of them that ask send.

    Attributes:
        server: running.
        requests: a check-in of each device that asks, as a proxy forwards it.
        identities: the devices that ask, each with its certificate in PEM.
    """

    def __init__(self, server: ServerFleet, devices: int) -> None:
        self.server = server
        now = datetime.now(UTC)
        folder = server.server
        authority = DeviceAuthority.load(folder.device_authority, folder.device_authority_key, now=now)
        made = [Identity.new(f"gw-{n:06}", product=_PRODUCT) for n in range(min(ASKING, devices))]
        self.identities = [(one, one.certificate(authority, now).pem) for one in made]
        self.requests = [_request(pem) for _, pem in self.identities]
        with server.database.begin() as connection:
            _fill(connection, [one.key_sha256 for one in made], devices, now)
        settle(server.database)

    @property
    def socket(self) -> str:
        """Where the server listens for its proxy."""
        return str(self.server.sockets[0])

    def tls_context(self, folder: Path) -> ssl.SSLContext:
        """That of the first device."""
        identity, pem = self.identities[0]
        context = ssl.create_default_context(cafile=self.server.server.authority_certificate)
        context.load_cert_chain(identity.write(folder, pem))
        return context


@contextmanager
def scene(url: str | None, devices: int) -> Iterator[Scene]:
    """Serve so many devices from a database; None is SQLite."""
    # what time brings to rollouts is not what is measured
    with ServerFleet(url=url, step_s=60) as server:
        server.release("1.0.0")
        one = Scene(server, devices)
        server.start()
        yield one


def body() -> bytes:
    """What a device says at a check-in at which nothing is new."""
    return json.dumps({**_SAID, "inventory": _INVENTORY}, separators=(",", ":")).encode()


def request(headers: str = "") -> bytes:
    """A check-in."""
    content = body()
    head = (
        f"POST {CHECK_IN} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _request(pem: str) -> bytes:
    first, end, _ = pem.partition("-----END CERTIFICATE-----\n")
    return request(f"X-Client-Certificate: {quote(first + end, safe='')}\r\n")


def _fill(connection: Connection, keys: list[str], devices: int, now: datetime) -> None:
    at = int(now.timestamp())
    expires_at = int((now + timedelta(days=300)).timestamp())
    insert_rows(
        connection,
        schema.devices,
        (
            {
                "pk": pk,
                "device_id": f"gw-{pk - 1:06}",
                "product": _PRODUCT,
                "hardware_id": "gw-rev2",
                "key_sha256": keys[pk - 1] if pk <= len(keys) else f"{pk:064x}",
                "status": "active",
                "created_at": at,
                "certificate_expires_at": expires_at,
                "inventory_sha256": _INVENTORY,
                **_SAID,
            }
            for pk in range(1, devices + 1)
        ),
    )
    _fill_groups(connection, devices, at)
    for number in range(1, ROLLOUTS + 1):
        _fill_rollout(connection, number, devices, at)


def _fill_groups(connection: Connection, devices: int, at: int) -> None:
    """Each device is in two of them."""
    groups = range(1, GROUPS + 1)
    named = {"product": _PRODUCT, "query": "phase = idle", "created_at": at}
    insert_rows(connection, schema.groups, ({"id": n, "name": f"group-{n}", **named} for n in groups))
    members = (
        {"group_id": (pk + more) % GROUPS + 1, "device_pk": pk}
        for pk in range(1, devices + 1)
        for more in (0, 7)
    )
    insert_rows(connection, schema.group_members, members)


def _fill_rollout(connection: Connection, number: int, devices: int, at: int) -> None:
    """Over a fifth of the devices: half of them have it, the others wait until it goes on."""
    name, version = f"rollout-{number}", Version(1, number, 0)
    plan = RolloutPlan(
        _PRODUCT, name, version, f"group-{number}", (WavePlan.taking("rest"),), max_in_flight=100
    )
    row = {
        "id": number,
        "product": _PRODUCT,
        "name": name,
        "version": str(version),
        "group_id": number,
        "state": "paused",
        "plan": plan.to_json(),
        "salt": "0" * 32,
        "wave": 1,
        "max_in_flight": 100,
        "created_at": at,
        "starts_at": at,
        "changed_at": at,
    }
    connection.execute(insert(schema.rollouts).values(row))
    places = (
        {
            "rollout_id": number,
            "device_pk": pk,
            "wave": 1,
            "state": "succeeded" if pk % 2 else "pending",
            "changed_at": at,
        }
        for pk in range(1, devices + 1)
        if pk // 2 % ROLLOUTS == number - 1
    )
    insert_rows(connection, schema.rollout_devices, places)
