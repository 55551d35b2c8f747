"""The link in a mail that ends its subscription, without signing in (RFC 8058)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import Connection, select

from ota_server.database.events_schema import subscriptions
from ota_server.errors import NotFoundError
from ota_server.journal import audit
from ota_server.notify import subscription
from ota_server.notify.means import Sealer
from ota_server.notify.subscription import Channel, Status


@dataclass(frozen=True, slots=True)
class Link:
    """What a link of ours says.

    Attributes:
        number: of the subscription.
        address: where its mails go.
    """

    number: int
    address: str

    @classmethod
    def opened(cls, token: str, sealer: Sealer) -> Self:
        """Read the token of a link: before any transaction, for everybody may send one (B07).

        Raises:
            InvalidError: it is no link of ours.
        """
        number, _, address = sealer.open(token).partition(" ")
        return cls(int(number), address)


def unsubscribe(connection: Connection, link: Link, *, now: datetime) -> str:
    """Pause the subscription of a link; returns its name. Again changes nothing.

    Args:
        connection: in a transaction that writes.
        link: of a mail.
        now: UTC.

    Raises:
        NotFoundError: there is no such subscription any more.
    """
    wanted = {"id": link.number, "channel": Channel.MAIL.value, "address": link.address}
    mine = select(subscriptions).filter_by(**wanted)
    row = connection.execute(mine).first()
    if row is None:
        raise NotFoundError("expected a subscription that there is, got one that was removed")
    if row.status == Status.ACTIVE.value:
        subscription.pause(connection, row.id, "ended by the link in a mail")
        # the audit log is for ever: no address in it
        entry = audit.Entry("link", row.name, "subscription.unsubscribe", row.name)
        audit.append(connection, entry, now=now)
    name: str = row.name
    return name
