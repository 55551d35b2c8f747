"""The operator API as `ota-server serve` wires it: over TLS, beside files and devices, to the end."""

import json
import signal
import ssl
from http.client import HTTPSConnection

import pytest
from running_server import running
from support.memory_repository import PRODUCT
from support.operator import Operator, furnish

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    furnish(folder)
    return Operator(folder)


def test_commands_make_tokens_and_the_server_takes_them_until_it_stops(operator, tmp_path):
    token = operator.run("api-token", "issue", "ci", "--grant", f"operator:{PRODUCT}").stdout.strip()
    context = ssl.create_default_context(cafile=operator.folder / "ca.pem")
    headers = {"Authorization": f"Bearer {token}"}
    config = operator.folder / "ota-server.toml"
    with running(tmp_path, "--config", config) as server:

        def ask(method, path, body=None):
            connection = HTTPSConnection("localhost", server.port, timeout=30, context=context)
            named = {**headers, **({"Content-Type": "application/json"} if body else {})}
            connection.request(method, f"/api/v1{path}", body and json.dumps(body), named)
            return connection.getresponse()

        page = json.load(ask("GET", f"/devices?product={PRODUCT}&limit=1"))
        assert (len(page["items"]), page["total"]) == (1, 4)
        released = json.load(ask("GET", f"/releases/{PRODUCT}/1.1.0"))
        assert released["signatures"]["signed"]
        revoked = ask("POST", f"/devices/{page['items'][0]['device_id']}/revoke", {"reason": "lost"})
        assert revoked.status == 200
        stream = ask("GET", "/events/stream?position=0")
        assert b"retry" in stream.readline()
        assert stream.readline() == b"\n"
        assert stream.readline().startswith(b"id: ")
        # long before downloads under way would be cut off
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
    entries = operator.json("audit", "list")["entries"]
    assert ("token", "ci", "device.revoke") in {
        (entry["actor_kind"], entry["actor"], entry["action"]) for entry in entries
    }
