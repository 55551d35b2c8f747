"""How telling went: one row for each event that a subscription was to get."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, select, update

from ota_client.formats.strict import format_time
from ota_server.database.events_schema import deliveries, events
from ota_server.database.put import put_row
from ota_server.errors import ConflictError, InvalidError, NotFoundError
from ota_server.notify.delivery_error import DeliveryError
from ota_server.notify.message import TEST_ID, TEST_KIND
from ota_server.page import Page, check_limit

_DIGITS_MOST: Final = 18


class DeliveryState(StrEnum):
    """How one stands."""

    # it failed, and is tried again by itself
    WAITING = "waiting"
    DELIVERED = "delivered"
    # given up: a dead letter, which a person may have sent again
    DEAD = "dead"
    # a person asked for it
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event's way to one subscription.

    Attributes:
        id: of the row: the cursor of pages; it rises.
        kind: of the event; empty if it is kept no more.
        attempts: so far.
        at: of the last one, or when it was asked for.
        http_status: what a receiver answered last.
        error: why it failed; empty if it did not.
    """

    id: int
    event_id: int
    kind: str
    state: DeliveryState
    attempts: int
    at: datetime
    http_status: int | None
    error: str

    def to_fields(self) -> dict[str, object]:
        """The delivery as JSON fields."""
        return {
            "event_id": self.event_id,
            "kind": self.kind,
            "state": self.state.value,
            "attempts": self.attempts,
            "at": format_time(self.at),
            "http_status": self.http_status,
            "error": self.error,
        }


def listed(
    connection: Connection,
    subscription_id: int,
    *,
    state: DeliveryState | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page[Delivery]:
    """A page of a subscription's, the newest first.

    Raises:
        InvalidError: the limit or the cursor cannot be one.
    """
    check_limit(limit)
    conditions = [deliveries.c.subscription_id == subscription_id]
    if state is not None:
        conditions.append(deliveries.c.state == state.value)
    total = connection.scalar(select(func.count()).select_from(deliveries).where(*conditions)) or 0
    if after is not None:
        conditions.append(deliveries.c.id < _cursor(after))
    query = (
        select(deliveries, events.c.kind)
        .outerjoin(events, events.c.id == deliveries.c.event_id)
        .where(*conditions)
        .order_by(deliveries.c.id.desc())
    )
    found = tuple(map(_delivery, connection.execute(query.limit(limit + 1))))
    return Page(found[:limit], total, str(found[limit - 1].id) if len(found) > limit else None)


def count_dead(connection: Connection, subscription_id: int) -> int:
    """How many dead letters it has."""
    dead = deliveries.c.state == DeliveryState.DEAD.value
    mine = deliveries.c.subscription_id == subscription_id
    return connection.scalar(select(func.count()).select_from(deliveries).where(dead, mine)) or 0


def resend(connection: Connection, subscription_id: int, event_id: int, *, now: datetime) -> None:
    """Have a delivery made again, once, before what comes next.

    Raises:
        NotFoundError: the subscription was not to get such an event, or it is kept no more.
        ConflictError: it is tried again by itself.
    """
    mine = deliveries.c.subscription_id == subscription_id, deliveries.c.event_id == event_id
    state = connection.scalar(select(deliveries.c.state).where(*mine).with_for_update())
    kept = connection.scalar(select(events.c.id).where(events.c.id == event_id))
    if state is None or kept is None:
        raise NotFoundError(f"expected an event that it was to get and that is kept, got {event_id}")
    if state == DeliveryState.WAITING:
        raise ConflictError(
            f"event {event_id}: expected one that was delivered or given up, got one that is tried "
            "again by itself; pause and resume the subscription to have it tried at once"
        )
    values = {"state": DeliveryState.RESEND.value, "at": int(now.timestamp())}
    connection.execute(update(deliveries).where(*mine).values(values))


def ask_for_test(connection: Connection, subscription_id: int, *, now: datetime) -> None:
    """Have a test sent; it stands among the deliveries as event 0."""
    connection.execute(delete(deliveries).filter_by(subscription_id=subscription_id, event_id=TEST_ID))
    _write(connection, subscription_id, TEST_ID, DeliveryState.RESEND, attempts=0, now=now)


def asked_for(connection: Connection, subscription_id: int) -> int | None:
    """The first event that a person asked for; None if there is none."""
    asked = deliveries.c.state == DeliveryState.RESEND.value
    query = select(func.min(deliveries.c.event_id)).where(asked)
    first: int | None = connection.scalar(query.where(deliveries.c.subscription_id == subscription_id))
    return first


def note(
    connection: Connection,
    subscription_id: int,
    event_id: int,
    state: DeliveryState,
    error: DeliveryError | None = None,
    *,
    now: datetime,
) -> None:
    """Write down how an attempt went."""
    attempts = connection.scalar(
        select(deliveries.c.attempts).filter_by(subscription_id=subscription_id, event_id=event_id)
    )
    _write(connection, subscription_id, event_id, state, error, attempts=(attempts or 0) + 1, now=now)


def _write(
    connection: Connection,
    subscription_id: int,
    event_id: int,
    state: DeliveryState,
    error: DeliveryError | None = None,
    *,
    attempts: int,
    now: datetime,
) -> None:
    key = {"subscription_id": subscription_id, "event_id": event_id}
    values = {
        "state": state.value,
        "attempts": attempts,
        "at": int(now.timestamp()),
        "http_status": error.http_status if error else None,
        "error": str(error) if error else "",
    }
    put_row(connection, deliveries, key, values)


def _cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MOST):
        raise InvalidError(f"after: expected the cursor of a page of deliveries, got {text[:40]!r}")
    return int(text)


def _delivery(row: Row[Any]) -> Delivery:
    kind = TEST_KIND if row.event_id == TEST_ID else row.kind or ""
    return Delivery(
        row.id,
        row.event_id,
        kind,
        DeliveryState(row.state),
        row.attempts,
        datetime.fromtimestamp(row.at, UTC),
        row.http_status,
        row.error,
    )
