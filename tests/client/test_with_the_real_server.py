"""``ota-client`` and ``ota-server``, both real, over mutual TLS: from enrolment to revocation."""

import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from support.memory_repository import MemoryRepository, Release

pytestmark = pytest.mark.system


def command(package, *words):
    program = f"from {package}.cli import main; main()"
    return [sys.executable, "-c", program, *map(str, words)]


class Stage:
    """A server's folder and a device's, driven by commands alone."""

    def __init__(self, folder):
        self.folder, self.server, self.device = folder, folder / "server", folder / "device"
        self.published = folder / "server" / "published"
        self.repository = MemoryRepository(now=datetime.now(UTC))

    def client(self, *words, exit_code=0):
        settings = self.device / "ota-client.toml"
        done = subprocess.run(
            command("ota_client", "--config", settings, "--json", *words),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def operator(self, *words):
        settings = self.server / "ota-server.toml"
        done = subprocess.run(
            command("ota_server", *words, "--config", settings, "--json"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def publish(self):
        for name, data in self.repository.files.items():
            file = self.published / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def boot(self, how="boot"):
        subprocess.run(
            command("ota_client", "simulate", how, self.device), check=True, capture_output=True
        )

    @contextmanager
    def serving(self):
        with subprocess.Popen(
            command(
                *("ota_server", "serve", "--config", self.server / "ota-server.toml", "--json"),
                *("--port", 0),
            ),
            stdout=subprocess.PIPE,
            stderr=(self.folder / "server.log").open("wb"),
        ) as process:
            try:
                line = process.stdout.readline()
                assert line, (self.folder / "server.log").read_text()
                yield json.loads(line)["ready"]
            finally:
                process.terminate()


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    stage = Stage(tmp_path)
    for version in ("1.1.0", "1.2.0"):
        stage.repository.put(Release(version, rollback_index=2))
    init = command("ota_server", "init", stage.server, "--host", "localhost")
    subprocess.run(init, check=True, capture_output=True)
    stage.publish()
    with stage.serving() as ready:
        root = tmp_path / "pinned.json"
        root.write_bytes(stage.repository.pinned_root)
        url = f"https://localhost:{ready.rpartition(':')[2]}"
        make = command(
            *("ota_client", "simulate", "init", stage.device, "--root", root, "--url", f"{url}/"),
            *("--ca-file", stage.server / "ca.pem", "--product", "gateway", "--slot-mib", 1),
            *("--hardware-id", "gw-rev2", "--version", "1.0.0", "--rollback-index", 1),
        )
        subprocess.run(make, check=True, capture_output=True)
        settings = stage.device / "ota-client.toml"
        server = (
            f'\n[server]\nurl = "{url}"\ndevice_id = "gw-0001"\n[server.attributes]\nsite = "north"\n'
        )
        settings.write_text(settings.read_text() + server)
        yield stage


def roll_out(stage, version):
    stage.operator(
        *("rollout", "create", "gateway", f"to-{version}", version),
        *("--group", "all", "--wave", "rest", "--halt-count", "1", "--retries", "0"),
    )


def state_of(stage, version):
    (found,) = [
        rollout
        for rollout in stage.operator("rollout", "list")["rollouts"]
        if rollout["version"] == version
    ]
    return found["state"]


def test_a_device_is_enrolled_updated_falls_back_and_is_revoked(stage):
    stage.client("run", "--once", exit_code=4)
    token = stage.operator("token", "issue", "gateway", "--device", "gw-*")["token"]
    (stage.folder / "token").write_text(token)
    enrolled = stage.client("enroll", "--token-file", stage.folder / "token")
    assert stage.client("enroll", "--renew")["key_sha256"] == enrolled["key_sha256"]
    stage.operator("group", "create", "gateway", "all", "hardware_id = gw-rev2")
    stage.client("run", "--once")

    roll_out(stage, "1.1.0")
    stage.client("run", "--once")
    assert stage.client("status")["phase"] == "installed"
    stage.boot()
    stage.client("run", "--once")
    assert stage.client("status")["running_version"] == "1.1.0"

    roll_out(stage, "1.2.0")
    stage.client("run", "--once")
    stage.boot("fail-boot")
    stage.client("run", "--once")
    assert state_of(stage, "1.2.0") == "halted"
    assert stage.client("status")["server"]["reports_waiting"] == 0

    shown = stage.operator("device", "show", "gw-0001")
    assert json.dumps(shown).count("north") == 1
    stage.operator("device", "revoke", "gw-0001", "--yes")
    stage.client("run", "--once", exit_code=4)
    assert stage.client("status")["running_version"] == "1.1.0"
