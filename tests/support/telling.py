"""A database of events and subscriptions, and a sender whose clock the test sets."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from itertools import count

from sqlalchemy import insert

from ota_server.database.database import Database
from ota_server.database.operators_schema import operator_grants, operators
from ota_server.journal.event import Event, EventKind, record
from ota_server.notify import delivery, subscription
from ota_server.notify.back_off import BackOff
from ota_server.notify.filter import Filter
from ota_server.notify.mail import Mails
from ota_server.notify.subscription import Channel
from ota_server.notify.turn import Surroundings, take_turn
from ota_server.notify.webhook import Webhooks, WebhookSecrets
from ota_server.operators.secret_box import SecretBox

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
URL = "https://updates.example.com"
LOOPBACK = (ip_network("127.0.0.0/8"),)
BOX = SecretBox((b"k" * 32,), "webhook")
PRODUCT = "cam"
FIRST_S, GIVE_UP_S = 10, 3600
_numbers = count(1)


def enrolled(device_id="cam-1", product=PRODUCT, kind=EventKind.DEVICE_ENROLLED, **document) -> Event:
    fields = {"hardware_id": "cam-v2"} if kind is EventKind.DEVICE_ENROLLED else {}
    return Event(kind, fields | document, product=product, device_id=device_id)


@dataclass
class Telling:
    """Everything that sending needs, and short names for it."""

    database: Database
    now: datetime = NOW
    chance: float = 0.0
    is_ending: bool = False
    mail: object = None
    networks: tuple = LOOPBACK
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def around(self) -> Surroundings:
        return Surroundings(
            self.database,
            BackOff(FIRST_S, GIVE_UP_S),
            clock=lambda: self.now,
            chance=lambda: self.chance,
            url=URL,
            is_ending=lambda: self.is_ending,
        )

    def carriers(self) -> dict:
        return {
            Channel.WEBHOOK: Webhooks(
                BOX, lambda: self.now, private_networks=self.networks, insecure_http=True
            ),
            Channel.MAIL: Mails(self.mail, BOX, URL, lambda: self.now),
        }

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def subscribe(self, name="hook", *, address="", channel=Channel.WEBHOOK, operator_id=None, **wanted):
        made = WebhookSecrets.make()
        self.secrets[name] = made.current
        secret = made.sealed(BOX) if channel is Channel.WEBHOOK else ""
        with self.database.begin() as connection:
            return subscription.add(
                connection,
                name=name,
                channel=channel,
                operator_id=operator_id,
                address=address,
                secret=secret,
                wanted=Filter(**wanted),
                now=self.now,
            )

    def happen(self, *happened: Event) -> None:
        with self.database.begin() as connection:
            for one in happened:
                record(connection, one, now=self.now)

    def enrol(self, number: int) -> None:
        self.happen(*(enrolled(f"cam-{next(_numbers)}") for _ in range(number)))

    def send(self, name="hook") -> int:
        """One turn, as when it is due."""
        found = self.find(name)
        return take_turn(self.around, found.id, found.channel, self.carriers()[found.channel], "turn")

    def find(self, name="hook"):
        with self.database.read() as connection:
            return subscription.find(connection, name)

    def deliveries(self, name="hook"):
        with self.database.read() as connection:
            found = delivery.listed(connection, subscription.find(connection, name).id)
        return {one.event_id: one for one in found.items}

    @contextmanager
    def begin(self):
        with self.database.begin() as connection:
            yield connection

    def operator(self, name="mia", status="active", mail="mia@example.com", **grants) -> int:
        row = {"name": name, "status": status, "mail": mail, "created_at": int(NOW.timestamp())}
        with self.database.begin() as connection:
            added = insert(operators).values(row).returning(operators.c.id)
            number = connection.execute(added).scalar_one()
            for product, role in grants.items():
                named = {"product": "*" if product == "all_products" else product, "role": role}
                connection.execute(insert(operator_grants).values(operator_id=number, **named))
        return number


def ids(receiver) -> list[int]:
    return [json.loads(one.body)["id"] for one in receiver.received]
