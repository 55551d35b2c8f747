"""A server that `ota-server init` made starts at once; devices and people are answered meanwhile."""

import json
import ssl
import subprocess
from http.client import HTTPSConnection

import pytest
from running_server import command, make_published, running

from ota_client import protocol

pytestmark = pytest.mark.system


def answer(server, folder, method, path, body=None):
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    connection = HTTPSConnection("127.0.0.1", server.port, context=context, timeout=20)
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    found = response.status, response.read().decode()
    connection.close()
    return found


def test_a_new_server_serves_before_anything_is_published(tmp_path):
    folder = tmp_path / "server"
    made = subprocess.run(command("init", folder, "--json"), check=True, capture_output=True, text=True)
    welcome = json.loads(made.stdout)["operator"]["url"].partition("8443")[2]
    config = ("--config", folder / "ota-server.toml")
    issued = subprocess.run(
        command("token", "issue", "cam", *config), check=True, capture_output=True, text=True
    )
    with running(folder, *config) as server:
        status, said = answer(server, folder, "GET", "/readyz")
        assert status == 503
        assert "published yet" in json.loads(said)["detail"]
        assert answer(server, folder, "GET", "/sign-in")[0] == 200
        assert answer(server, folder, "GET", welcome)[0] == 200
        body = json.dumps({"token": issued.stdout.strip(), "device_id": "cam-1"})
        assert answer(server, folder, "POST", protocol.ENROL, body)[0] == 422
        assert answer(server, folder, "POST", protocol.CHECK_IN, "{}")[0] == 401
        make_published(folder / "published")
        assert answer(server, folder, "GET", "/readyz")[0] == 200
