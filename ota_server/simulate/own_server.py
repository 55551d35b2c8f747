"""A server in a temporary folder with a release and a rollout of it: for a first look."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ota_client.errors import ConfigError
from ota_client.formats.version import Version
from ota_server.catalog import Catalog
from ota_server.database.database import Database
from ota_server.devices import groups, tokens
from ota_server.files.folder import PublishedFolder
from ota_server.rollouts import rollout
from ota_server.rollouts.plan import RolloutPlan, WavePlan
from ota_server.server_folder import ServerFolder
from ota_server.simulate.fleet import FleetPlan
from ota_server.simulate.run import Target

_NAME: Final = "simulated"
# one device in so many may update at a time
_AT_ONCE: Final = 5
_IMAGE_BYTES: Final = 300_000
# all devices come from this machine, and faster than devices do
_NO_LIMITS: Final = {
    f"OTA_SERVER_FLEET_{name}_A_MINUTE": "1000000"
    for name in ("DEVICE_REQUESTS", "ADDRESS_REQUESTS", "ENROLMENTS")
}
_COMMANDS: Final = {"ota-sign": "signing.cli", "ota-server": "ota_server.cli"}


@contextmanager
def own_server(plan: FleetPlan, now: datetime) -> Iterator[Target]:
    """Run a server for simulated devices of ``plan``, with the next major version rolling out.

    Raises:
        ConfigError: one of the commands failed.
    """
    with TemporaryDirectory(prefix="ota-own-server-") as name:
        folder = ServerFolder(Path(name) / "server")
        folder.create(("localhost", "127.0.0.1"), now, fleet=True, force=False)
        release = Version(plan.start.version.major + 1, 0, 0)
        _publish(Path(name), folder, plan, release)
        database = Database(f"sqlite:///{folder.database.absolute()}")
        try:
            token = _prepare(database, plan, now)
            with _serving(folder) as url:
                begin = partial(_roll_out, database, folder, plan, release, now)
                yield Target((url,), (), folder.authority_certificate, token, when_enrolled=begin)
        finally:
            database.close()


def _publish(path: Path, folder: ServerFolder, plan: FleetPlan, release: Version) -> None:
    """Sign a release as its engineer would: a program of its own, whose keys no server has."""
    passphrase, image = path / "passphrase", path / "image"
    passphrase.touch(mode=0o600)
    passphrase.write_text("of a repository that lives as long as a simulation\n")
    image.write_bytes(os.urandom(_IMAGE_BYTES))
    environ = {"OTA_SIGN_PASSPHRASE_FILE": str(passphrase), "OTA_SIGN_REPO": str(path / "repository")}
    start = plan.start
    facts = ("--product", start.product, "--version", str(release), "--hardware-id", start.hardware_id)
    more = ("--rollback-index", str(start.rollback_index), "--image", f"rootfs={image}")
    for words in (
        ("init", str(path / "repository"), "--with-keys"),
        ("product", "add", start.product, "--hardware-id", start.hardware_id),
        ("release", "add", *facts, *more, "--channel", "stable"),
        ("review",),
        ("sign",),
        ("publish", "--to", str(folder.published)),
    ):
        _run("ota-sign", *words, environ=environ)


def _prepare(database: Database, plan: FleetPlan, now: datetime) -> str:
    """Make a token and a group, as an operator would; returns the token."""
    product, lifetime = plan.start.product, timedelta(days=1)
    with database.begin() as connection:
        query = f"hardware_id = {plan.start.hardware_id}"
        groups.create(connection, product=product, name=_NAME, query=query, now=now)
        token = tokens.issue(connection, product=product, uses=plan.devices, lifetime=lifetime, now=now)
    return token.token


def _roll_out(
    database: Database, folder: ServerFolder, plan: FleetPlan, release: Version, now: datetime
) -> None:
    """Begin when all devices are there: waves are shares of those that are."""
    planned = RolloutPlan(
        product=plan.start.product,
        name=_NAME,
        version=release,
        group=_NAME,
        waves=tuple(map(WavePlan.taking, _waves(plan.devices))),
        max_in_flight=max(1, plan.devices // _AT_ONCE),
    )
    catalog = Catalog(PublishedFolder(folder.published))
    with database.begin() as connection:
        rollout.create(connection, planned, catalog=catalog, now=now)


def _waves(devices: int) -> tuple[str, ...]:
    """A tenth, three tenths, the rest: by number, as a share of few devices may be nobody."""
    return str(max(1, devices // 10)), str(max(1, devices * 3 // 10)), "rest"


@contextmanager
def _serving(folder: ServerFolder) -> Iterator[str]:
    words = ("serve", "--config", str(folder.settings), "--port", "0", "--no-access-log", "--json")
    with subprocess.Popen(  # noqa: S603 - our own command
        _command("ota-server", *words),
        env={**os.environ, **_NO_LIMITS},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise ConfigError("expected `ota-server serve` to start, got its words above")
            yield json.loads(line)["ready"].replace("127.0.0.1", "localhost")
        finally:
            process.terminate()


def _run(name: str, *words: str, environ: Mapping[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        _command(name, *words),
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigError(f"{name} {words[0]}: {done.stderr.strip()}")


def _command(name: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"from {_COMMANDS[name]} import main; main()", *words)
