"""The real ``ota-server serve`` as a process, on a folder of its own, and what happens to its fleet."""

import base64
import hashlib
import os
import subprocess
import sysconfig
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import update

from ota_server.database.database import Database
from ota_server.database.operators_schema import operators
from ota_server.operators import account, invitation, session
from ota_server.operators.account import Status
from ota_server.operators.role import Grant
from ota_server.operators.session import SessionRules

SERVER = str(Path(sysconfig.get_path("scripts"), "ota-server"))
_OPTIONS = ("--port", "0", "--no-access-log", "--config")


@dataclass
class RunningDashboard:
    """A server that answers, and its folder.

    Attributes:
        url: its address; a browser shall see the name that the certificate is for.
    """

    folder: Path
    url: str
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @contextmanager
    def begin(self):
        """A transaction beside the server, as another process of it makes them."""
        database = Database(f"sqlite:///{self.folder}/fleet.db")
        try:
            with database.begin() as connection:
                yield connection
        finally:
            database.close()

    def session_of(self, name: str, *grants: str) -> str:
        """A session's token, without the password's half second; the operator is made if need be."""
        now = self.clock()
        with self.begin() as connection:
            if grants:
                account.create(connection, name, [Grant.parse(one) for one in grants], now=now)
            operator = account.find(connection, name)
            active = update(operators).filter_by(id=operator.id).values(status=Status.ACTIVE.value)
            connection.execute(active)
            return session.start(connection, operator.id, now, rules=SessionRules())

    def invitation_of(self, name: str) -> str:
        """The code of a new one-time link."""
        now = self.clock()
        with self.begin() as connection:
            operator = account.find(connection, name)
            return invitation.invite(connection, operator.id, now=now).code


@contextmanager
def running_dashboard(folder: Path, environment: Mapping[str, str]):
    """Serve a folder that ``ota-server init`` made, until the end of the block."""
    with (folder / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [
                SERVER,
                "serve",
                "--port",
                "0",
                "--no-access-log",
                "--config",
                str(folder / "ota-server.toml"),
            ],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        line = process.stdout.readline()
        assert line.startswith("ready: "), (folder / "serve.log").read_text()
        address = line.removeprefix("ready: ").strip()
        yield RunningDashboard(folder, address.replace("127.0.0.1", "localhost"))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def key_pin(certificate: Path) -> str:
    """What tells Chromium to believe this one key, whoever certified it."""
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    key = loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()
