"""A server that is killed in the middle of a commit serves the old state or the new one, whole."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from killed_server import POINTS
from sqlalchemy import select
from support.signing_desk import PRODUCT, SigningDesk, snapshot_of

from ota_server.cli import main
from ota_server.database.database import Database
from ota_server.database.events_schema import events
from ota_server.database.operators_schema import audit_entries
from ota_server.uploads.destination import FolderDestination
from ota_server.uploads.verification import published_state
from signing.errors import ServerUnreachableError
from signing.publication.server import ServerDestination
from signing.publication.server_line import ServerLine

pytestmark = pytest.mark.system
KILLED = Path(__file__).with_name("killed_server.py")
DEADLINE_S = 60


class House:
    """A release engineer's desk, and an update server that is started again and again."""

    def __init__(self, folder):
        self.desk = SigningDesk(folder, now=datetime.now(UTC))
        self.folder = folder / "server"
        self.run("init", self.folder)
        self.config = ("--config", self.folder / "ota-server.toml")
        issued = self.run("api-token", "issue", "ci", "--grant", "admin:*", "--json", *self.config)
        self.token = json.loads(issued)["token"]
        self.www = self.folder / "published"
        self.released = 0

    def run(self, *args):
        result = CliRunner().invoke(main, [*map(str, args)])
        assert result.exit_code == 0, result.output
        return result.stdout

    @contextmanager
    def serving(self, *program):
        program = program or ("-c", "from ota_server.cli import main; main()")
        command = [sys.executable, *program, "serve", *self.config, "--port", "0", "--json"]
        with (self.folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [*map(str, command)], stdout=subprocess.PIPE, stderr=log, env=dict(os.environ)
            )
        try:
            url = json.loads(process.stdout.readline())["ready"]
            yield process, f"https://localhost:{url.rpartition(':')[2]}"
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()

    def publish(self, url):
        with ServerLine(url, self.token, ca_file=self.folder / "ca.pem") as line:
            self.desk.publish(to=ServerDestination(line, sleep=lambda _: None))

    def versions(self):
        """What a device finds, and verifies; every file that is named is there as signed."""
        if not self.www.is_symlink():
            return []
        served = snapshot_of(self.www.resolve())
        assert published_state(FolderDestination(self.www)).names <= served.keys()
        for name, content in served.items():
            if name.startswith("targets/"):
                assert Path(name).name.startswith(hashlib.sha256(content).hexdigest())
        return [str(version) for version in self.desk.trusted(self.www).versions()]

    def rows(self, query):
        database = Database(f"sqlite:///{self.folder}/fleet.db")
        try:
            with database.read() as connection:
                return connection.execute(query).all()
        finally:
            database.close()

    def noted(self):
        return Counter(row.action for row in self.rows(select(audit_entries.c.action)))


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return House(tmp_path_factory.mktemp("killed"))


@pytest.mark.parametrize("point", POINTS)
def test_what_is_served_is_whole_and_the_same_command_ends_it(house, point):
    is_public = POINTS[point][-1]
    before, noted = house.versions(), house.noted()
    house.released += 1
    version = f"1.{house.released}.0"
    house.desk.add(version)
    house.desk.sign()

    with house.serving(KILLED, point) as (process, url):
        with pytest.raises(ServerUnreachableError, match="again"):
            house.publish(url)
        assert process.wait(30) == -signal.SIGKILL
    assert house.versions() == ([*before, version] if is_public else before)

    with house.serving() as (_, url):
        house.publish(url)
    assert house.versions() == [*before, version]
    # one that had its leave and was killed before it was public asked for leave again
    asked = (house.noted() - noted)["release.publish"]
    assert asked == (1 if is_public else 2)
    # nothing is left over, but the tree before
    assert len(list(house.folder.glob(".published/*"))) <= 3


def test_each_release_is_told_of_once_and_the_audit_log_is_sound(house):
    if not house.released:
        pytest.skip("the releases of the tests above are told of")
    wanted = select(events.c.document).where(events.c.kind == "release.published")

    def told():
        return Counter(json.loads(row.document)["version"] for row in house.rows(wanted))

    for _ in range(2):
        with house.serving():
            deadline = time.monotonic() + DEADLINE_S
            while len(told()) < house.released:
                assert time.monotonic() < deadline, told()
                time.sleep(0.05)
    assert set(told().values()) == {1}
    house.run("audit", "verify", *house.config)
    assert house.noted()["release.publish-failed"] == 0
    assert {row.product for row in house.rows(select(events.c.product))} == {PRODUCT}
