"""One turn of one subscription: its events in order, until it is up to date or one fails."""

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, Protocol

from sqlalchemy import Connection

from ota_client.errors import ConfigError
from ota_server.database.database import Database
from ota_server.errors import DatabaseUnavailableError, InvalidError
from ota_server.notify import delivery, lease, subscription
from ota_server.notify.back_off import BackOff
from ota_server.notify.delivery import DeliveryState
from ota_server.notify.delivery_error import DeliveryError
from ota_server.notify.http_post import TIMEOUT_S
from ota_server.notify.message import Message
from ota_server.notify.outbox import BATCH, Batch, Due, due_next, next_batch
from ota_server.notify.subscription import Channel, Subscription

_log = logging.getLogger(__name__)

# then others have their turn
_MOST_A_TURN: Final = 200
# what is under way when a lease ends could be overtaken by what the next holder sends
_ATTEMPT: Final = timedelta(seconds=TIMEOUT_S + 2)
_GONE: Final = "the receiver answered 410: it is gone"
_LOST: Final = "the event is kept no more, or must not be told any more"


class Carrier(Protocol):
    """Brings messages to one channel's receivers."""

    def carry(self, subscription: Subscription, message: Message) -> None:
        """Deliver one message.

        Raises:
            DeliveryError: it is not known that the receiver has it.
            InvalidError: the subscription cannot be used any more.
            ConfigError: nor can the server's own key.
        """


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every turn needs.

    Attributes:
        clock: UTC; each attempt has its own time.
        chance: from 0 to 1, spreads attempts.
        url: of the server, for links.
        is_ending: whether the process is told to end.
        lock: one writes at a time: others would poll for SQLite's lock, and sleep while it is free.
    """

    database: Database
    back_off: BackOff
    clock: Callable[[], datetime]
    chance: Callable[[], float]
    url: str
    is_ending: Callable[[], bool]
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes; see ``Database.begin``."""
        with self.lock, self.database.begin() as connection:
            yield connection


def take_turn(
    around: Surroundings, subscription_id: int, channel: Channel, carrier: Carrier, token: str
) -> int:
    """Send for a subscription if nobody else does; returns how many attempts there were.

    Args:
        around: what every turn needs.
        subscription_id: which.
        channel: its.
        carrier: of the channel.
        token: names this turn; no other has it.
    """
    with around.begin() as connection:
        held = lease.take(connection, subscription_id, channel, token, now=around.clock())
    if held is None:
        return 0
    try:
        return _Turn(around, held, token, carrier).run()
    finally:
        with around.begin() as connection:
            lease.give_back(connection, subscription_id, token)


class _Turn:
    """Sends for a subscription whose lease it holds."""

    def __init__(self, around: Surroundings, held: Subscription, token: str, carrier: Carrier) -> None:
        self._around = around
        # None once the turn is over
        self._held: Subscription | None = held
        self._token = token
        self._carrier = carrier
        self._attempts = 0

    def run(self) -> int:
        while self._held is not None and self._attempts < _MOST_A_TURN:
            held = self._held
            batch = self._next(held)
            if batch is None:
                continue
            if not batch.messages and not self._pass_by(held, batch):
                break
            for message in batch.messages:
                self._attempt(message, is_asked=batch.is_asked)
        return self._attempts

    def _next(self, held: Subscription) -> Batch | None:
        """What to send; None if the next event cannot be read, which counts as an attempt at it."""
        error = DeliveryError("")
        # of many that cannot be read together, those before the one that cannot are sent
        for limit in (BATCH, 1):
            try:
                return self._read(held, limit)
            except DatabaseUnavailableError:
                raise
            except Exception as e:  # noqa: BLE001 - else this event would stand in the way for ever
                error = _unexpected(held, e)
        with self._around.database.read() as connection:
            due = due_next(connection, held)
        self._attempts += 1
        self._failed(held, due, error)
        return None

    def _read(self, held: Subscription, limit: int) -> Batch:
        now, url = self._around.clock(), self._around.url
        with self._around.database.read() as connection:
            return next_batch(connection, held, now=now, url=url, limit=limit)

    def _pass_by(self, held: Subscription, batch: Batch) -> bool:
        """Note what needs no sending; whether there was something."""
        if batch.lost is None and batch.position == held.position:
            return False
        with self._around.begin() as connection:
            if batch.lost is not None:
                self._note(connection, held, batch.lost, DeliveryError(_LOST))
            self._held = self._keep(connection, held, position=batch.position)
        return True

    def _attempt(self, message: Message, *, is_asked: bool) -> None:
        if not self._has_time() or self._held is None:
            self._held = None
            return
        held, due = self._held, Due(message.id, message.at, is_asked)
        self._attempts += 1
        try:
            self._carrier.carry(held, message)
        except DeliveryError as e:
            self._failed(held, due, e)
        except (InvalidError, ConfigError) as e:
            self._failed(held, due, DeliveryError(str(e)))
        except Exception as e:  # noqa: BLE001 - a mistake of ours must not stand in the way for ever
            self._failed(held, due, _unexpected(held, e))
        else:
            self._delivered(held, message, is_asked=is_asked)

    def _has_time(self) -> bool:
        """Whether an attempt may begin; the lease is made longer where it has to be."""
        if self._held is None or self._around.is_ending():
            return False
        if self._around.clock() + _ATTEMPT > self._held.leased_until:
            with self._around.begin() as connection:
                self._held = self._keep(connection, self._held)
        return self._held is not None

    def _delivered(self, held: Subscription, message: Message, *, is_asked: bool) -> None:
        values: dict[str, object] = {} if is_asked else {"position": message.id}
        values |= {"attempts": 0, "failing_since": None, "next_at": 0}
        with self._around.begin() as connection:
            self._held = self._keep(connection, held, **values)
            self._note(connection, held, message.id, None)

    def _failed(self, held: Subscription, due: Due, error: DeliveryError) -> None:
        now = self._around.clock()
        since = held.failing_since or now
        is_over = due.is_asked or self._around.back_off.is_over(since, due.at, now)
        values = {} if due.is_asked else self._after(held, due, error, since, is_over=is_over)
        with self._around.begin() as connection:
            kept = self._keep(connection, held, **values)
            self._note(connection, held, due.event_id, error, is_over=is_over)
            if error.http_status == HTTPStatus.GONE:
                subscription.pause(connection, held.id, _GONE)
                kept = None
        # what comes behind one that was given up goes on; else its turn comes again in a while
        self._held = kept if is_over else None

    def _after(
        self,
        held: Subscription,
        due: Due,
        error: DeliveryError,
        since: datetime,
        *,
        is_over: bool,
    ) -> dict[str, object]:
        """The subscription's columns after a failure."""
        attempts = held.attempts + 1
        values = {"attempts": attempts, "failing_since": int(since.timestamp())}
        if is_over:
            return {**values, "position": due.event_id}
        around = self._around
        delay = around.back_off.delay_s(attempts, around.chance(), error.retry_after_s)
        return {**values, "next_at": int(around.clock().timestamp()) + delay}

    def _keep(self, connection: Connection, held: Subscription, **values: object) -> Subscription | None:
        return lease.keep(connection, held, self._token, now=self._around.clock(), **values)

    def _note(
        self,
        connection: Connection,
        held: Subscription,
        event_id: int,
        error: DeliveryError | None,
        *,
        is_over: bool = True,
    ) -> None:
        failed = DeliveryState.DEAD if is_over else DeliveryState.WAITING
        state = DeliveryState.DELIVERED if error is None else failed
        delivery.note(connection, held.id, event_id, state, error, now=self._around.clock())


def _unexpected(held: Subscription, error: Exception) -> DeliveryError:
    """What nobody thought of. Only where it happened is logged: its words may have a secret in them."""
    name, where = type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
    _log.error("sending for subscription %s failed unexpectedly: %s\n%s", held.name, name, where)
    return DeliveryError(f"this server failed unexpectedly ({name}): its log says where")
