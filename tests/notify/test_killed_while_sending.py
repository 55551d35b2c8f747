"""A server process that is killed in the middle of deliveries loses no event and keeps their order."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import update
from support.postgresql import needs_postgresql, postgresql
from support.telling import Telling
from support.webhook_receiver import Receiver, receiving

from ota_server.cli import main
from ota_server.database.database import Database
from ota_server.database.events_schema import subscriptions
from ota_server.database.migrate import upgrade
from ota_server.notify import subscription
from ota_server.notify.webhook import WebhookSecrets
from ota_server.operators.secret_box import SecretBox

SUBSCRIPTIONS, EVENTS, KILLS = 4, 400, 3
BAD_SHARE = 0.05
DEADLINE_S = 120
SERVE = [sys.executable, "-c", "from ota_server.cli import main; main()", "serve"]
SETTINGS = {
    "OTA_SERVER_NOTIFICATIONS_PRIVATE_NETWORKS": "127.0.0.0/8",
    "OTA_SERVER_NOTIFICATIONS_INSECURE_HTTP_WEBHOOKS": "true",
    "OTA_SERVER_NOTIFICATIONS_RETRY_FIRST_S": "1",
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgresql)])
def house(request, tmp_path):
    """The folder of a server, and the address of its database."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "server")]).exit_code == 0
    if request.param == "sqlite":
        yield tmp_path / "server", f"sqlite:///{tmp_path}/server/fleet.db"
        return
    # what was acknowledged must be on the disk: a process is killed, not the machine
    with postgresql() as cluster:
        url = cluster.database()
        database = Database(url)
        upgrade(database)
        database.close()
        yield tmp_path / "server", url


@contextmanager
def serving(folder, url, log):
    command = [*SERVE, "--config", folder / "ota-server.toml", "--port", "0", "--json"]
    environment = {**os.environ, **SETTINGS, "OTA_SERVER_DATABASE": url}
    with log.open("ab") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment)
    try:
        assert b"ready" in process.stdout.readline(), log.read_text()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def until(holds, what):
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def subscribe(telling, folder, receiver):
    box = SecretBox.load(folder / "server-secret.key", "webhook")
    for number in range(SUBSCRIPTIONS):
        made = telling.subscribe(f"hook-{number}", address=f"{receiver.url}/{number}")
        with telling.begin() as connection:
            subscription.change(connection, made.id, secret=WebhookSecrets.make().sealed(box))


def happening(telling):
    """Events that go on while servers come and go."""
    for _ in range(EVENTS // 10):
        telling.enrol(10)
        time.sleep(0.05)


def arrived(receiver):
    """The numbers of the events that each subscription was sent, in the order of their arrival."""
    found = defaultdict(list)
    with receiver.lock:
        for one in receiver.received:
            number = json.loads(one.body)["id"]
            subscriber, event = one.headers["Ratchet-Delivery"].split("-")
            assert int(event) == number
            assert int(subscriber) == int(one.path[1:]) + 1
            found[one.path].append(number)
    return found


@pytest.mark.system  # a lease of 20 seconds ends on each database, and servers start
def test_kill_9_in_the_middle_of_deliveries_loses_no_event_and_keeps_their_order(house, tmp_path):
    folder, url = house
    rng = random.Random(5)
    receiver = Receiver(answer=lambda _: (503 if rng.random() < BAD_SHARE else 204, {}))
    database = Database(url)
    telling = Telling(database, now=datetime.now(UTC))

    def is_done():
        with database.read() as connection:
            return all(one.position >= EVENTS for one in subscription.listed(connection))

    with receiving(receiver):
        subscribe(telling, folder, receiver)
        events = threading.Thread(target=happening, args=(telling,))
        events.start()
        for kill in range(KILLS):
            before = len(receiver.received)
            with serving(folder, url, tmp_path / "log") as server:
                until(lambda: len(receiver.received) > before + 60, "nothing is sent")  # noqa: B023
                server.send_signal(signal.SIGKILL)
                server.wait()
            # the last one's leases end by themselves; not to wait for the others' saves a minute
            if kill < KILLS - 1:
                with telling.begin() as connection:
                    connection.execute(update(subscriptions).values(leased_until=0))
        events.join()
        with serving(folder, url, tmp_path / "log"):
            until(is_done, "the rest is not sent")
    database.close()

    found = arrived(receiver)
    assert len(found) == SUBSCRIPTIONS
    extra = 0
    for numbers in found.values():
        assert list(dict.fromkeys(numbers)) == list(range(1, EVENTS + 1))
        # nothing arrives again once a later event has
        assert numbers == sorted(numbers)
        extra += len(numbers) - EVENTS
    total = sum(map(len, found.values()))
    print(f"{total} requests for {SUBSCRIPTIONS * EVENTS} deliveries, {extra} more than once")
