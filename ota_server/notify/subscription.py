"""Who is told of what, and how. What was told already is a position: the number of an event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ota_client.formats.strict import NAME_RULE, format_time, is_name
from ota_server.database.events_schema import subscriptions
from ota_server.errors import ConflictError, InvalidError, NotFoundError
from ota_server.journal.event_page import newest_id
from ota_server.notify.filter import Filter


class Channel(StrEnum):
    """How it reaches whom."""

    WEBHOOK = "webhook"
    MAIL = "mail"
    # fetched, not sent
    FEED = "feed"


class Status(StrEnum):
    """Whether anything is sent."""

    ACTIVE = "active"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription.

    Attributes:
        operator_id: who made it: it tells what this operator may see, as long as that is; None if a
            command made it.
        address: of a webhook or a mail; empty for a feed.
        secret: of a webhook sealed, of a feed the sha256 of its token.
        reason: why it is paused.
        position: the last event that is done with.
        attempts: failed ones in a row.
        failing_since: the first of them.
        next_at: before it there is no other attempt.
        leased_until: before it nobody else sends for it.
    """

    id: int
    name: str
    channel: Channel
    operator_id: int | None
    address: str
    secret: str
    filter: Filter
    status: Status
    reason: str
    created_at: datetime
    position: int
    attempts: int
    failing_since: datetime | None
    next_at: datetime
    leased_until: datetime

    def to_fields(self) -> dict[str, object]:
        """The subscription as JSON fields, without its secret."""
        return {
            "name": self.name,
            "channel": self.channel.value,
            "address": self.address,
            "filter": self.filter.to_fields(),
            "status": self.status.value,
            "reason": self.reason,
            "created_at": format_time(self.created_at),
            "position": self.position,
            "attempts": self.attempts,
            "failing_since": None if self.failing_since is None else format_time(self.failing_since),
        }


def add(
    connection: Connection,
    *,
    name: str,
    channel: Channel,
    operator_id: int | None,
    address: str,
    secret: str,
    wanted: Filter,
    now: datetime,
) -> Subscription:
    """Make a subscription; it tells of what happens from now on.

    Args:
        connection: in a transaction that writes.
        name: a new one.
        channel: how.
        operator_id: whose; None for a command's.
        address: checked by the caller, as the channel knows what is one.
        secret: as in ``Subscription``.
        wanted: which events.
        now: UTC.

    Raises:
        InvalidError: the name or the filter is none.
        ConflictError: there is one of this name.
    """
    if not is_name(name):
        raise InvalidError(f"name: expected a name of {NAME_RULE}, got {name[:80]!r}")
    row = {
        "name": name,
        "channel": channel.value,
        "operator_id": operator_id,
        "address": address,
        "secret": secret,
        "filter": wanted.checked().to_json(),
        "status": Status.ACTIVE.value,
        "created_at": int(now.timestamp()),
        "position": newest_id(connection),
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(subscriptions).values(row))
    except IntegrityError as e:
        raise ConflictError(f"expected a new name for the subscription, got {name}") from e
    return find(connection, name)


def count_of(connection: Connection, operator_id: int) -> int:
    """How many are an operator's."""
    mine = subscriptions.c.operator_id == operator_id
    return connection.scalar(select(func.count()).select_from(subscriptions).where(mine)) or 0


def find(connection: Connection, name: str) -> Subscription:
    """Look one up.

    Raises:
        NotFoundError: there is none of this name.
    """
    row = connection.execute(select(subscriptions).filter_by(name=name[:80])).first()
    if row is None:
        raise NotFoundError(f"expected the name of a subscription, got {name[:80]!r}")
    return stored(row)


def find_feed(connection: Connection, token_sha256: str) -> Subscription | None:
    """The feed of a token; None if it is nobody's."""
    wanted = select(subscriptions).filter_by(channel=Channel.FEED.value, secret=token_sha256)
    row = connection.execute(wanted).first()
    return stored(row) if row else None


def listed(connection: Connection) -> Sequence[Subscription]:
    """All, by name."""
    return tuple(map(stored, connection.execute(select(subscriptions).order_by(subscriptions.c.name))))


def pause(connection: Connection, subscription_id: int, reason: str) -> None:
    """Send nothing until it is resumed; what happens meanwhile waits."""
    change(connection, subscription_id, status=Status.PAUSED.value, reason=reason[:200])


def resume(connection: Connection, subscription_id: int, *, skip_missed: bool = False) -> None:
    """Go on, at once; ``skip_missed`` forgets what has happened meanwhile."""
    values: dict[str, object] = {"position": newest_id(connection)} if skip_missed else {}
    change(
        connection,
        subscription_id,
        status=Status.ACTIVE.value,
        reason="",
        attempts=0,
        failing_since=None,
        next_at=0,
        **values,
    )


def remove(connection: Connection, subscription_id: int) -> None:
    """Forget it, and how its deliveries went."""
    connection.execute(delete(subscriptions).filter_by(id=subscription_id))


def change(connection: Connection, subscription_id: int, **values: object) -> None:
    """Write columns of one."""
    connection.execute(update(subscriptions).filter_by(id=subscription_id).values(values))


def stored(row: Row[Any]) -> Subscription:
    """From the database."""
    return Subscription(
        row.id,
        row.name,
        Channel(row.channel),
        row.operator_id,
        row.address,
        row.secret,
        Filter.from_json(row.filter),
        Status(row.status),
        row.reason,
        datetime.fromtimestamp(row.created_at, UTC),
        row.position,
        row.attempts,
        None if row.failing_since is None else datetime.fromtimestamp(row.failing_since, UTC),
        datetime.fromtimestamp(row.next_at, UTC),
        datetime.fromtimestamp(row.leased_until, UTC),
    )
