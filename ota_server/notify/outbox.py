"""What a subscription is to be sent next."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, select

from ota_server.database.events_schema import events
from ota_server.journal import event_page
from ota_server.journal.event_page import StoredEvent, Wanted
from ota_server.notify import delivery
from ota_server.notify.message import TEST_ID, Message, link_to
from ota_server.notify.owner import for_owner
from ota_server.notify.subscription import Subscription
from ota_server.operators import account

BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages in their order.

    Attributes:
        position: the last event that was looked at for them.
        is_asked: a person asked for this one; it stands outside the order.
        lost: a person asked for this event, which cannot be told any more.
    """

    messages: tuple[Message, ...]
    position: int
    is_asked: bool = False
    lost: int | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """An event whose turn it is.

    Attributes:
        at: when it happened.
        is_asked: as of a ``Batch``.
    """

    event_id: int
    at: datetime
    is_asked: bool


def next_batch(
    connection: Connection, held: Subscription, *, now: datetime, url: str, limit: int = BATCH
) -> Batch:
    """What comes next: what a person asked for, or else some of the events behind its position.

    Args:
        connection: for reading.
        held: the subscription.
        now: UTC.
        url: of the server, for links.
        limit: most events that are looked at.
    """
    asked = delivery.asked_for(connection, held.id)
    if asked == TEST_ID:
        return Batch((Message(None, now, f"{url}/notifications"),), held.position, is_asked=True)
    if asked is not None:
        return _asked(connection, held, asked, url)
    if held.next_at > now:
        return Batch((), held.position)
    wanted = Wanted(seen_by(connection, held.operator_id), held.filter.kinds)
    found = event_page.following(connection, wanted, position=held.position, limit=limit)
    messages = messages_of(connection, held, found, url)
    position = found[-1].id if len(found) == limit else event_page.newest_id(connection)
    return Batch(messages, max(position, held.position))


def due_next(connection: Connection, held: Subscription) -> Due:
    """The first event of what ``next_batch`` looks at, without a look into it."""
    asked = delivery.asked_for(connection, held.id)
    query = select(events.c.id, events.c.at).where(events.c.id == asked)
    if asked is None:
        wanted = Wanted(seen_by(connection, held.operator_id), held.filter.kinds)
        query = select(events.c.id, events.c.at).where(events.c.id > held.position)
        query = query.where(*wanted.conditions()).order_by(events.c.id).limit(1)
    row = connection.execute(query).one()
    return Due(row.id, datetime.fromtimestamp(row.at, UTC), is_asked=asked is not None)


def messages_of(
    connection: Connection, held: Subscription, found: Iterable[StoredEvent], url: str
) -> tuple[Message, ...]:
    """Those of some events that a subscription is for, as it is told of them."""
    told = (_told(connection, held, event) for event in found)
    return tuple(Message(event, event.at, link_to(url, event)) for event in told if event)


def seen_by(connection: Connection, operator_id: int | None) -> frozenset[str] | None:
    """The products that a subscription's operator sees now; None for all."""
    if operator_id is None:
        return None
    operator = account.with_id(connection, operator_id)
    if operator.status is account.Status.DISABLED:
        return frozenset()
    return operator.actor.products


def _asked(connection: Connection, held: Subscription, event_id: int, url: str) -> Batch:
    seen = Wanted(seen_by(connection, held.operator_id))
    # the condition for events decides here too: rights may have gone since
    found = event_page.following(connection, seen, position=event_id - 1, limit=1)
    messages = messages_of(connection, held, [one for one in found if one.id == event_id], url)
    if not messages:
        return Batch((), held.position, lost=event_id)
    return Batch(messages, held.position, is_asked=True)


def _told(connection: Connection, held: Subscription, event: StoredEvent) -> StoredEvent | None:
    if not held.filter.wants(event):
        return None
    pattern = held.filter.device_ids
    return for_owner(connection, event, pattern) if pattern else event
