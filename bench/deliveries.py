"""Ten thousand webhook deliveries to a receiver on the loopback that answers every tenth badly."""

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from support.webhook_receiver import Received, Receiver, receiving

from bench.figure import Figure
from ota_server.database.database import Database
from ota_server.database.migrate import upgrade
from ota_server.journal.event import Event, EventKind, record
from ota_server.notify import delivery, subscription
from ota_server.notify.back_off import BackOff
from ota_server.notify.delivery import DeliveryState
from ota_server.notify.filter import Filter
from ota_server.notify.message import Message
from ota_server.notify.sender import Sender
from ota_server.notify.subscription import Channel
from ota_server.notify.turn import Surroundings
from ota_server.notify.webhook import Webhooks, WebhookSecrets
from ota_server.operators.secret_box import SecretBox

_BENCH: Final = "deliveries"
_SUBSCRIPTIONS: Final = 20
_EVENTS: Final = 500
_QUICK_EVENTS: Final = 10
_BAD_SHARE: Final = 0.1
_PRODUCT: Final = "gateway"
_MS: Final = 1000
_LOOK_S: Final = 0.02
_ALONE: Final = 200


class _Clock:
    """A waiting time of seconds passes at once: what is measured is the work."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def skip(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Deliver them all, and count; ``quick`` takes few events."""
    events = _QUICK_EVENTS if quick else _EVENTS
    chance = random.Random(1)  # noqa: S311 - decides which requests fail
    receiver = Receiver(answer=lambda _: (503 if chance.random() < _BAD_SHARE else 204, {}))
    with receiving(receiver), _database(folder) as database:
        clock, box = _Clock(), SecretBox((b"k" * 32,), "webhook")
        _prepare(database, receiver, box, events, clock.now())
        cpu_s = time.process_time()
        _send_all(database, box, clock, events)
        cpu_s = time.process_time() - cpu_s
        figures = _figures(database, receiver.received, events)
        receiver.answer = lambda _: (204, {})
        each_ms = _MS * cpu_s / (events * _SUBSCRIPTIONS)
        name, peer = "CPU of a delivery, with its receiver's", "the request alone"
        return [*figures, Figure(_BENCH, name, each_ms, "ms", peer, _alone_ms(database, box))]


@contextmanager
def _database(folder: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{folder}/fleet.db")
    (folder / "fleet.db").touch()
    upgrade(database)
    try:
        yield database
    finally:
        database.close()


def _prepare(database: Database, receiver: Receiver, box: SecretBox, events: int, now: datetime) -> None:
    with database.begin() as connection:
        for number in range(_SUBSCRIPTIONS):
            subscription.add(
                connection,
                name=f"hook-{number}",
                channel=Channel.WEBHOOK,
                operator_id=None,
                address=f"{receiver.url}/{number}",
                secret=WebhookSecrets.make().sealed(box),
                wanted=Filter(),
                now=now,
            )
    with database.begin() as connection:
        for number in range(events):
            document = {"hardware_id": "gw-rev2"}
            device_id = f"gw-{number}"
            event = Event(EventKind.DEVICE_ENROLLED, document, product=_PRODUCT, device_id=device_id)
            record(connection, event, now=now)


def _send_all(database: Database, box: SecretBox, clock: _Clock, events: int) -> None:
    webhooks = _webhooks(box, clock.now)
    around = Surroundings(
        database, BackOff(1, 10**6), clock.now, lambda: 0.0, "https://ota.example.com", lambda: False
    )
    with Sender(around, {Channel.WEBHOOK: webhooks}) as sender:
        while not _is_done(database, events):
            if not sender.look():
                # all wait for another attempt
                clock.skip(1)
            time.sleep(_LOOK_S)


def _webhooks(box: SecretBox, clock: Callable[[], datetime]) -> Webhooks:
    networks = (ip_network("127.0.0.0/8"),)
    return Webhooks(box, clock, private_networks=networks, insecure_http=True)


def _alone_ms(database: Database, box: SecretBox) -> float:
    """The CPU of sending and receiving one, without a database."""
    webhooks = _webhooks(box, lambda: datetime.now(UTC))
    with database.read() as connection:
        found = subscription.find(connection, "hook-0")
    began_s = time.process_time()
    for _ in range(_ALONE):
        webhooks.carry(found, Message(None, datetime.now(UTC), ""))
    return _MS * (time.process_time() - began_s) / _ALONE


def _is_done(database: Database, events: int) -> bool:
    with database.read() as connection:
        return all(one.position >= events for one in subscription.listed(connection))


def _figures(database: Database, received: list[Received], events: int) -> list[Figure]:
    wanted = events * _SUBSCRIPTIONS
    found: dict[str, list[int]] = defaultdict(list)
    for one in received:
        found[one.path].append(int(json.loads(one.body)["id"]))
    out_of_order = sum(numbers != sorted(numbers) for numbers in found.values())
    missing = sum(events - len(set(numbers)) for numbers in found.values())
    undelivered = wanted - _delivered(database)
    failed = len(received) - wanted
    return [
        _figure("deliveries that are missing", missing + undelivered, wanted, most=0),
        _figure("subscriptions out of order", out_of_order, _SUBSCRIPTIONS, most=0),
        _figure("requests that failed and were made again", failed, wanted),
    ]


def _figure(name: str, value: int, peer_value: int, **limits: Any) -> Figure:  # noqa: ANN401 - of Figure
    return Figure(_BENCH, name, value, "", "of", float(peer_value), **limits)


def _delivered(database: Database) -> int:
    with database.read() as connection:
        state = DeliveryState.DELIVERED
        found = subscription.listed(connection)
        return sum(delivery.listed(connection, one.id, state=state, limit=1).total for one in found)
