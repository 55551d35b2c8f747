"""Whose turn it is: one process at a time sends for a subscription, so its events keep their order.

A process that is killed leaves its lease; another takes it over when its time is up. Whoever holds one
sends nothing that could still be under way when it ends (``http_post.TIMEOUT_S``).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, exists, or_, select, update

from ota_server.database.events_schema import deliveries, subscriptions
from ota_server.journal.event_page import newest_id
from ota_server.notify.delivery import DeliveryState
from ota_server.notify.subscription import Channel, Status, Subscription, stored

# longer than an attempt may take
LEASE_S: Final = {Channel.WEBHOOK: 20, Channel.MAIL: 60}


def due(connection: Connection, now: datetime) -> Sequence[tuple[int, Channel]]:
    """The subscriptions that have something to send now, and that nobody sends for."""
    seconds, mine = int(now.timestamp()), subscriptions.c
    asked = exists().where(
        deliveries.c.subscription_id == mine.id, deliveries.c.state == DeliveryState.RESEND.value
    )
    news = (mine.position < newest_id(connection)) & (mine.next_at <= seconds)
    query = select(mine.id, mine.channel).where(
        mine.status == Status.ACTIVE.value,
        mine.channel.in_([channel.value for channel in LEASE_S]),
        mine.leased_until <= seconds,
        or_(news, asked),
    )
    found = connection.execute(query.order_by(mine.leased_until, mine.id))
    return tuple((row.id, Channel(row.channel)) for row in found)


def take(
    connection: Connection, subscription_id: int, channel: Channel, token: str, *, now: datetime
) -> Subscription | None:
    """Begin a turn; None if somebody else has it, or there is nothing to send for."""
    seconds, mine = int(now.timestamp()), subscriptions.c
    free = update(subscriptions).where(
        mine.id == subscription_id,
        mine.status == Status.ACTIVE.value,
        mine.leased_until <= seconds,
    )
    values = {"lease": token, "leased_until": seconds + LEASE_S[channel]}
    row = connection.execute(free.values(values).returning(subscriptions)).first()
    return stored(row) if row else None


def keep(
    connection: Connection, held: Subscription, token: str, *, now: datetime, **values: object
) -> Subscription | None:
    """Write columns and hold the lease for longer; None if it is not ours, or there is a pause."""
    mine = subscriptions.c
    ours = update(subscriptions).where(mine.id == held.id, mine.lease == token)
    until = int(now.timestamp()) + LEASE_S[held.channel]
    row = connection.execute(ours.values(leased_until=until, **values).returning(subscriptions)).first()
    return stored(row) if row and row.status == Status.ACTIVE.value else None


def give_back(connection: Connection, subscription_id: int, token: str) -> None:
    """End a turn."""
    ours = update(subscriptions).filter_by(id=subscription_id, lease=token)
    connection.execute(ours.values(lease="", leased_until=0))
