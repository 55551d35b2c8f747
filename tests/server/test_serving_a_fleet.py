"""One and several real processes that serve a fleet: enrolment, check-in, reload, shutdown."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection

import pytest
from click.testing import CliRunner
from running_server import command, make_published, running
from sqlalchemy import func, select, text
from support.identities import key_pem, new_key, request_pem
from support.postgresql import needs_postgresql, postgresql

from ota_client import protocol
from ota_server.cli import main
from ota_server.database.database import Database
from ota_server.database.schema import device_seen, devices

IDLE = {
    "running_version": "1.0.0",
    "rollback_index": 1,
    "phase": "idle",
    "root_version": 1,
    "inventory": "0" * 64,
}


def run(*args):
    result = CliRunner().invoke(main, list(map(str, args)))
    assert result.exit_code == 0, result.output
    return result.stdout


@dataclass
class House:
    folder: object

    @property
    def config(self):
        return self.folder / "ota-server.toml"

    def trust(self):
        return ssl.create_default_context(cafile=self.folder / "ca.pem")

    def rows(self, table):
        database = Database(f"sqlite:///{self.folder}/fleet.db")
        with database.read() as connection:
            found = connection.execute(select(table)).all()
        database.close()
        return found

    def enrol(self, server, device_id):
        """A TLS context that shows the device's new certificate."""
        token = run("token", "issue", "cam", "--config", self.config).strip()
        key = new_key()
        body = {
            "token": token,
            "device_id": device_id,
            "product": "cam",
            "hardware_id": "cam-v2",
            "csr": request_pem(key, device_id),
        }
        status, answer = post(server.port, self.trust(), protocol.ENROL, body)
        assert status == 201, answer
        both = self.folder / f"{device_id}.pem"
        both.write_bytes(key_pem(key) + answer["certificate"].encode())
        context = self.trust()
        context.load_cert_chain(both)
        return context


def post(port, context, path, body):
    connection = HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.fixture
def house(tmp_path):
    run("init", tmp_path / "server", "--host", "127.0.0.1")
    make_published(tmp_path / "server" / "published")
    return House(tmp_path / "server")


@pytest.mark.system
def test_a_device_enrols_and_checks_in_and_a_clean_stop_keeps_when_it_was_seen(house, tmp_path):
    with running(tmp_path, "--config", house.config) as server:
        device = house.enrol(server, "cam-1")
        status, answer = post(server.port, device, protocol.CHECK_IN, IDLE)
        assert (status, answer["inventory_wanted"]) == (200, True)
        assert post(server.port, house.trust(), protocol.CHECK_IN, IDLE)[0] == 401
        # at once: the last half second is still to be written
        server.process.terminate()
        assert server.process.wait(20) == 0
    assert [row.device_id for row in house.rows(devices)] == ["cam-1"]
    assert len(house.rows(device_seen)) == 1
    assert "Traceback" not in server.log.read_text()


def certificate_of(port):
    return ssl.get_server_certificate(("127.0.0.1", port))


@pytest.mark.system
def test_a_renewed_certificate_is_taken_on_sighup_and_one_without_its_key_is_not(house, tmp_path):
    with running(tmp_path, "--config", house.config) as server:
        before = certificate_of(server.port)
        run("init", house.folder, "--renew")
        renewed = (house.folder / "server.pem").read_text()
        reload(server, "was read anew")
        assert certificate_of(server.port) != before
        run("init", tmp_path / "other", "--files-only")
        shutil.copy(tmp_path / "other" / "server.pem", house.folder / "server.pem")
        reload(server, "is not read anew")
        assert certificate_of(server.port).split() == renewed.split()


def reload(server, awaited):
    """Ask for it; the log says when it is done."""
    with server.log.open() as log:
        log.seek(0, os.SEEK_END)
        server.process.send_signal(signal.SIGHUP)
        done = threading.Event()
        for _ in range(2000):
            if awaited in log.read():
                return
            done.wait(0.01)
    pytest.fail(server.log.read_text())


class UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.host)


@pytest.mark.system
def test_a_unix_socket_alone_is_served_and_one_left_behind_is_replaced(house, tmp_path):
    path = tmp_path / "http.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    settings = {"OTA_SERVER_PROXY_SOCKET": str(path)}
    arguments = command("serve", "--published", house.folder / "published")
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, env={**os.environ, **settings}, text=True
    ) as process:
        assert process.stdout.readline() == f"ready: unix:{path}\n"
        connection = UnixConnection(str(path))
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        second = subprocess.run(
            arguments, env={**os.environ, **settings}, capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert "another process does" in second.stderr
        process.terminate()
    assert process.returncode == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "install the newer ota-server"),
        ("UPDATE alembic_version SET version_num = '0000'", "run `ota-server migrate"),
        ("DROP TABLE alembic_version", "no tables yet"),
    ],
    ids=["newer", "older", "none"],
)
def test_a_database_of_another_schema_is_not_served(house, change, message):
    database = Database(f"sqlite:///{house.folder}/fleet.db")
    with database.begin() as connection:
        connection.execute(text(change))
    database.close()
    result = CliRunner().invoke(main, ["serve", "--config", str(house.config), "--port", "0"])
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_missing_device_authority_is_one_sentence(house):
    (house.folder / "device-ca.pem").unlink()
    result = CliRunner().invoke(main, ["serve", "--config", str(house.config), "--port", "0"])
    assert result.exit_code == 2
    assert "device-ca.pem cannot be read" in result.stderr


@pytest.mark.system
@needs_postgresql
def test_two_processes_share_a_port_and_a_database_and_one_is_killed(house, tmp_path):
    with postgresql() as cluster, reserved_port() as port:
        url = cluster.database()
        settings = {"OTA_SERVER_DATABASE": url, "OTA_SERVER_PORT": str(port)}
        run_with = {**os.environ, **settings}
        migrated = subprocess.run(
            command("migrate", "--config", house.config), env=run_with, check=True, capture_output=True
        )
        assert b"ran 0001" in migrated.stdout
        arguments = command("serve", "--reuse-port", "--config", house.config)
        with started(arguments, run_with) as first, started(arguments, run_with):
            token = subprocess.run(
                command("token", "issue", "cam", "--uses", "20", "--config", house.config),
                env=run_with,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            for number in range(20):
                if number == 10:
                    first.kill()
                    first.wait()
                enrol_again_and_again(house, port, token, f"cam-{number}")
        database = Database(url)
        with database.read() as connection:
            assert connection.scalar(select(func.count()).select_from(devices)) == 20
        database.close()


def enrol_again_and_again(house, port, token, device_id):
    """A connection that was given to the killed process fails; the next is given to the other one."""
    key = new_key()
    body = {
        "token": token,
        "device_id": device_id,
        "product": "cam",
        "hardware_id": "cam-v2",
        "csr": request_pem(key, device_id),
    }
    for _ in range(5):
        try:
            status, answer = post(port, house.trust(), protocol.ENROL, body)
        except OSError:
            continue
        assert status == 201, answer
        return
    pytest.fail("no process answers")


@contextmanager
def reserved_port():
    """A port that nobody else is given; it is bound and not listened on, so nothing comes to us."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def started(arguments, environment):
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as process:
        try:
            assert process.stdout.readline().startswith("ready: https://")
            yield process
        finally:
            process.terminate()
