"""``ota-server simulate`` as operators run it: over mutual TLS, through a proxy's socket, by itself."""

import json
import os
import signal
import subprocess
import sys

import pytest
from support.server_fleet import ServerFleet
from support.signing_desk import HARDWARE, PRODUCT

pytestmark = pytest.mark.system

COMMAND = [sys.executable, "-c", "from ota_server.cli import main; main()", "simulate"]


def summary_of(output):
    return json.loads(output.splitlines()[-1])["summary"]


def test_its_own_server_shows_a_rollout_over_mutual_tls(tmp_path):
    plot = tmp_path / "rollout.svg"
    pace = ("--time-factor", "150", "--quiet", "8", "--network-faults", "2%")
    command = [*COMMAND, "--own-server", "--devices", "20", *pace, "--json", "--plot", plot]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = summary_of(done.stdout)
    assert found["devices"]["updated"] == 20
    assert 0 < found["most_updating"] <= 4
    assert found["reports"]["made"] == found["reports"]["acknowledged"] >= 80
    assert found["releases_verified"] == 1
    assert "updated: 20" in plot.read_text()


def test_through_the_socket_of_a_proxy_until_it_is_interrupted(tmp_path):
    with ServerFleet() as server:
        server.release("1.1.0", 2)
        server.start()
        (tmp_path / "token").write_text(server.token(10))
        where = ("--through-proxy-socket", server.sockets[0], "--repository", server.desk.published)
        what = ("--product", PRODUCT, "--hardware-id", HARDWARE, "--version", "1.0.0")
        command = [*COMMAND, *where, *what, "--token-file", tmp_path / "token", "--devices", "10"]
        with subprocess.Popen(
            [*map(str, command), "--time-factor", "100", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        ) as process:
            assert process.stderr.readline() == "10 devices have enrolled\n"
            process.send_signal(signal.SIGINT)
            output, words = process.communicate(timeout=120)
    assert process.returncode == 0, words
    assert summary_of(output)["devices"]["waiting"] == 10
    # keys and the devices that verify are gone with it
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
