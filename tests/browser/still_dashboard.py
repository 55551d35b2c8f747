"""The dashboard in this process, with a clock that stands still: pictures change when pages do."""

import hashlib
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from running_dashboard import RunningDashboard
from securesystemslib.signer import CryptoSigner
from support import memory_repository
from support.people import PASSWORD, quick_passwords
from support.showroom import put_demo_fleet

from ota_server.checkin.check_in import Pace
from ota_server.checkin.opening import lookup_for
from ota_server.database.database import Database
from ota_server.devices.authority import DeviceAuthority
from ota_server.operators import account, invitation
from ota_server.operators.session import SessionRules
from ota_server.rollouts.penalty import FleetRules
from ota_server.server_folder import ServerFolder
from ota_server.settings import ServerSettings
from ota_server.web.app import make_app
from ota_server.web.device_api import FleetParts
from ota_server.web.peer import NoPeers
from ota_server.web.rates import Rates

_PEOPLE = ("admin", "mia", "ben", "zoe")
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@contextmanager
def still_dashboard(folder: Path):
    """Make a server's folder with the demo's fleet, and serve it; yields the server and the fleet."""
    ServerFolder(folder).create(
        ("localhost",), NOW, fleet=True, force=False, operator="admin", account="root"
    )
    memory_repository.signer = _same_key
    fleet = put_demo_fleet(folder, NOW)
    database = Database(f"sqlite:///{folder}/fleet.db")
    for name in _PEOPLE:
        _let_in(database, name)
    settings = ServerSettings.load({}, {}, folder / "ota-server.toml")
    config = uvicorn.Config(
        make_app(settings, fleet=_parts(settings, database)),
        port=0,
        lifespan="off",
        log_level="warning",
        ssl_certfile=settings.tls.certificate,
        ssl_keyfile=settings.tls.key,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server has ended"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield RunningDashboard(folder, f"https://localhost:{port}", lambda: NOW), fleet
    finally:
        server.should_exit = True
        thread.join()
        database.close()


def _let_in(database: Database, name: str) -> None:
    """Somebody came by the link this morning, and chose a password."""
    at = NOW - timedelta(hours=1)
    with database.begin() as connection:
        link = invitation.invite(connection, account.find(connection, name).id, now=at)
    invitation.accept(database, quick_passwords(), link.code, PASSWORD, rules=SessionRules(), now=at)


@cache
def _same_key(name: str) -> CryptoSigner:
    """A key whose id is the same each time: release pages show it."""
    seed = hashlib.sha256(name.encode()).digest()
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed))


def _parts(settings: ServerSettings, database: Database) -> FleetParts:
    devices = settings.fleet
    authority = DeviceAuthority.load(
        devices.authority, devices.authority_key, factories=(), lifetime=None, now=NOW
    )
    return FleetParts(
        database=database,
        lookup=lookup_for(database),
        peers=NoPeers(),
        authority=authority,
        pace=Pace(300, 0.1, Random(1).random),
        rules=FleetRules(),
        rates=Rates(device=1000, address=10_000, enrolment=1000),
        clock=lambda: NOW,
    )
