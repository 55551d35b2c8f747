"""A server's folder, and an operator who calls commands upon it."""

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import select

from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Severity
from ota_server.cli import main
from ota_server.database.database import Database
from ota_server.devices import changes
from support.fleet import add_devices
from support.memory_repository import HARDWARE, PRODUCT, MemoryRepository, Release

NOW = datetime.now(UTC)
ADVISORY = "CVE-2026-1234"
IDS = [f"gw-{number}" for number in range(1, 5)]


@dataclass
class Operator:
    """A server's folder, and commands upon it."""

    folder: Path

    def run(self, *args, code=0, stdin=None):
        config = ["--config", str(self.folder / "ota-server.toml")]
        result = CliRunner().invoke(main, [*map(str, args), *config], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == code, result.output
        return result

    def json(self, *args, code=0):
        return json.loads(self.run(*args, "--json", code=code).stdout)

    @contextmanager
    def begin(self):
        database = Database(f"sqlite:///{self.folder}/fleet.db")
        with database.begin() as connection:
            yield connection
        database.close()

    def rows(self, table):
        with self.begin() as connection:
            return connection.execute(select(table)).all()


def furnish(folder: Path) -> None:
    """Make a server with four devices and two releases, the second of which mends a weakness."""
    result = CliRunner().invoke(main, ["init", str(folder)])
    assert result.exit_code == 0, result.output
    for name, data in _releases().files.items():
        path = folder / "published" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with Operator(folder).begin() as connection:
        for pk in add_devices(connection, IDS, product=PRODUCT, hardware_id=HARDWARE):
            changes.changed(connection, pk, now=NOW)


def _releases() -> MemoryRepository:
    weakness = Advisory(ADVISORY, Severity.HIGH, "Weak.", "Act.", Version.parse("1.1.0"))
    repository = MemoryRepository(now=NOW - timedelta(hours=1))
    repository.add(Release("1.0.0"))
    repository.put(Release("1.1.0", rollback_index=2, advisories=(weakness,)))
    return repository
