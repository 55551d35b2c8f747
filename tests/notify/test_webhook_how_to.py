"""The receiver in docs/how-to/receive-webhooks.md receives."""

import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

from support.telling import enrolled

from ota_client.formats.strict import canonical_json
from ota_server.journal.event_kind import EventKind
from ota_server.notify.delivery import DeliveryState
from ota_server.notify.message import Message
from ota_server.notify.webhook import WebhookSecrets

PAGE = Path(__file__).parents[2] / "docs/how-to/receive-webhooks.md"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def until_it_listens(port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
    raise AssertionError("the receiver does not listen")


def play(port, secret, now, age_s):
    """Send a test that was signed some time ago; the status of the answer."""
    then = now - timedelta(seconds=age_s)
    message = Message(None, now, "https://updates.example.com/notifications")
    body = canonical_json(message.to_fields())
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {
        "Content-Type": "application/json",
        "Ratchet-Event": "test",
        "Ratchet-Delivery": "1-0",
        "Ratchet-Timestamp": str(int(then.timestamp())),
        "Ratchet-Signature": WebhookSecrets(secret).signature(body, then),
    }
    connection.request("POST", "/", body, headers)
    return connection.getresponse().status


def test_the_receiver_of_the_page_takes_what_is_signed_and_nothing_else(telling):
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    telling.now, port = datetime.now(UTC), free_port()
    telling.subscribe(address=f"http://127.0.0.1:{port}/")
    telling.subscribe("other", address=f"http://127.0.0.1:{port}/")
    environment = {**os.environ, "PORT": str(port), "WEBHOOK_SECRET": telling.secrets["hook"]}
    process = subprocess.Popen(
        [sys.executable, "-c", source],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        until_it_listens(port)
        secret = telling.secrets["hook"]
        played = [play(port, secret, telling.now, age_s) for age_s in (3600, -3600, 0)]
        telling.happen(enrolled("cam-1"), enrolled("cam-2", kind=EventKind.DEVICE_REVOKED))
        telling.send("other")
        telling.send("hook")
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=20)
    # what was signed an hour ago was recorded, and is played again
    assert played == [401, 401, 204]
    assert telling.deliveries("other")[1].http_status == 401
    states = {number: one.state for number, one in telling.deliveries().items()}
    assert states == {1: DeliveryState.DELIVERED, 2: DeliveryState.DELIVERED}
    assert output.splitlines() == [
        "device.enrolled cam https://updates.example.com/devices/cam-1",
        "device.revoked cam https://updates.example.com/devices/cam-2",
    ]
