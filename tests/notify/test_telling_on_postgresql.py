"""What SQLite's one writer makes easy, on PostgreSQL: several processes send and watch."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from support.event_examples import example
from support.fleet import add_devices, with_tables
from support.postgresql import needs_postgresql, postgresql
from support.telling import GIVE_UP_S, NOW, Telling, ids
from support.webhook_receiver import Receiver, receiving

from ota_server.database.database import Database
from ota_server.database.events_schema import events
from ota_server.errors import ConflictError
from ota_server.journal.event_kind import EventKind
from ota_server.journal.event_page import StoredEvent
from ota_server.notify import mark, subscription
from ota_server.notify.back_off import BackOff
from ota_server.notify.owner import for_owner
from ota_server.notify.sender import Sender
from ota_server.notify.watch_devices import find_expiring, find_silent, tell_expiring, tell_silent

pytestmark = [pytest.mark.system, needs_postgresql]
EVENTS, SENDERS = 150, 3
DEADLINE_S = 300


@pytest.fixture(scope="module")
def cluster():
    with postgresql() as running:
        yield running


@pytest.fixture
def telling(cluster):
    database = with_tables(Database(cluster.database()))
    yield Telling(database)
    database.close()


def test_several_processes_send_each_event_once_and_in_order(telling):
    rng = random.Random(2)
    receiver = Receiver(answer=lambda _: (503 if rng.random() < 0.03 else 204, {}))
    with receiving(receiver), ExitStack() as stack:
        telling.subscribe(address=receiver.url)
        # leases are of real seconds
        own = {"clock": lambda: datetime.now(UTC), "back_off": BackOff(1, GIVE_UP_S)}
        around = replace(telling.around, **own)
        senders = [stack.enter_context(Sender(around, telling.carriers())) for _ in range(SENDERS)]
        pool = stack.enter_context(ThreadPoolExecutor(1))
        adding = pool.submit(lambda: [telling.enrol(5) for _ in range(EVENTS // 5)])
        deadline = time.monotonic() + DEADLINE_S
        while telling.find().position < EVENTS:
            # one that failed would leave it waiting for ever
            assert not (adding.done() and adding.exception()), adding.exception()
            assert time.monotonic() < deadline, telling.find()
            for sender in senders:
                sender.look()
            time.sleep(0.05)
    numbers = ids(receiver)
    assert numbers == sorted(numbers)
    assert list(dict.fromkeys(numbers)) == list(range(1, EVENTS + 1))


def test_several_processes_watch_and_each_thing_is_told_once(telling):
    later = NOW + timedelta(days=30)
    with telling.begin() as connection:
        add_devices(
            connection,
            [f"cam-{n}" for n in range(700)],
            certificate_expires_at=int((later + timedelta(days=1)).timestamp()),
        )

    def watch():
        for _ in range(9):
            with telling.database.read() as connection:
                silent = find_silent(connection, silent_after_s=86_400, now=later)
                expiring = find_expiring(connection, warning_days=14, now=later)
            with telling.begin() as connection:
                mark.hold_watch(connection)
                tell_silent(connection, silent, now=later)
                tell_expiring(connection, expiring, now=later)

    threads = [threading.Thread(target=watch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with telling.database.read() as connection:
        counted = select(events.c.kind, func.count(), func.count(events.c.device_id.distinct()))
        found = sorted(connection.execute(counted.group_by(events.c.kind)).all())
    assert [tuple(row) for row in found] == [("certificate.expiring", 1, 1), ("device.silent", 700, 700)]


def test_an_owner_s_pattern_means_the_same(telling):
    with telling.begin() as connection:
        names = ["a_1", "ab1", "a-1"]
        add_devices(connection, names, product="cam", running_version="text")
    event = StoredEvent(
        1, NOW, EventKind.RELEASE_PUBLISHED, 1, "cam", "", "", example("release.published")
    )
    with telling.database.read() as connection:
        for pattern, count in (("a_1", 1), ("a?1", 3), ("a*", 3), ("b*", None)):
            found = for_owner(connection, event, pattern)
            assert (found and found.document["exposed"]["devices"]) == count


def test_a_name_is_given_once_and_the_transaction_goes_on(telling):
    telling.subscribe(address="https://example.com/")
    with pytest.raises(ConflictError):
        telling.subscribe(address="https://example.com/")
    with telling.database.read() as connection:
        assert len(subscription.listed(connection)) == 1
