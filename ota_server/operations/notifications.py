"""What operators do with events, subscriptions and deliveries.

A subscription is its operator's own: it tells what this operator may see, as long as that is. Somebody
else sees and changes it only as an admin of every product that it names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ota_server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from ota_server.journal import event_page
from ota_server.journal.event_kind import EventKind
from ota_server.journal.event_page import StoredEvent, Wanted
from ota_server.notify import delivery, subscription
from ota_server.notify.delivery import Delivery, DeliveryState
from ota_server.notify.filter import Filter
from ota_server.notify.mail_address import check_mail
from ota_server.notify.means import Means
from ota_server.notify.subscription import Channel, Status, Subscription
from ota_server.notify.webhook import WebhookSecrets
from ota_server.notify.webhook_address import check_host, parse
from ota_server.operations.desk import Desk
from ota_server.operators import account, secret_token
from ota_server.operators.actor import ActorKind, Role
from ota_server.page import Page

# of one operator; commands make as many as they like
_EACH_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """A subscription as it was made, or whose secret is new.

    Attributes:
        secret: of a webhook, or the token of a feed; shown this once. Empty for mail.
    """

    subscription: Subscription
    secret: str

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        return {**self.subscription.to_fields(), "secret": self.secret}


def events(
    desk: Desk,
    *,
    product: str = "",
    kinds: frozenset[EventKind] = frozenset(),
    device_id: str = "",
    after: str | None = None,
    limit: int = 100,
) -> Page[StoredEvent]:
    """A page of what happened, the newest first.

    Raises:
        InvalidError: the limit or the cursor cannot be one.
    """
    wanted = Wanted(desk.actor.products, kinds, product, device_id)
    return event_page.listed(desk.connection, wanted, after=after, limit=limit)


def newest_event(desk: Desk) -> int:
    """The position behind all that has happened so far, for one who wants what comes."""
    return event_page.newest_id(desk.connection)


def events_behind(
    desk: Desk,
    position: int,
    *,
    product: str = "",
    kinds: frozenset[EventKind] = frozenset(),
    device_id: str = "",
) -> Sequence[StoredEvent]:
    """The next hundred events behind a position, oldest first, for one who follows."""
    wanted = Wanted(desk.actor.products, kinds, product, device_id)
    return event_page.following(desk.connection, wanted, position=position)


def subscribe(
    desk: Desk, means: Means, *, name: str, channel: Channel, address: str = "", wanted: Filter
) -> NewSubscription:
    """Make a subscription; it tells of what happens from now on.

    Whoever sees the products may have a feed, and mail to the own address; a webhook, and mail to
    others, needs an admin of them.

    Args:
        desk: who asks.
        means: of this server.
        name: a new one.
        channel: how.
        address: a URL, or a mail address; of mail the operator's own if it is empty.
        wanted: which events.

    Raises:
        InvalidError: the name, the address or the filter is none.
        ConflictError: there is one of this name, this server has no mail, or one has too many already.
        NotFoundError: a product that one may not see.
        ForbiddenError: it needs an admin.
    """
    own_mail = _own_mail(desk)
    address = address or (own_mail if channel is Channel.MAIL else "")
    is_own = channel is Channel.FEED or (channel is Channel.MAIL and address == own_mail)
    _need(desk, Role.VIEWER if is_own else Role.ADMIN, wanted)
    _check_number(desk)
    secret, kept = _prepared(means, channel, address)
    made = subscription.add(
        desk.connection,
        name=name,
        channel=channel,
        operator_id=desk.actor.operator_id,
        address=address,
        secret=kept,
        wanted=wanted,
        now=desk.now,
    )
    desk.note("subscription.add", name, channel=channel.value, filter=wanted.to_fields())
    return NewSubscription(made, secret)


def subscriptions(desk: Desk, *, channel: Channel | None = None) -> Sequence[Subscription]:
    """Those that one may see, by name."""
    found = subscription.listed(desk.connection)
    return tuple(one for one in found if channel in {None, one.channel} and _sees(desk, one))


def find_subscription(desk: Desk, name: str) -> Subscription:
    """One of them.

    Raises:
        NotFoundError: there is none that one may see.
    """
    found = subscription.find(desk.connection, name)
    if not _sees(desk, found):
        raise NotFoundError(f"expected the name of a subscription, got {name[:80]!r}")
    return found


def pause(desk: Desk, name: str) -> Subscription:
    """Send nothing for it until it is resumed; what happens meanwhile waits.

    Raises:
        NotFoundError: there is none that one may see.
    """
    found = find_subscription(desk, name)
    subscription.pause(desk.connection, found.id, f"paused by {desk.actor.label}")
    desk.note("subscription.pause", name)
    return subscription.find(desk.connection, name)


def resume(desk: Desk, name: str, *, skip_missed: bool = False) -> Subscription:
    """Go on at once, with what has happened meanwhile, or without.

    Raises:
        NotFoundError: there is none that one may see.
    """
    found = find_subscription(desk, name)
    subscription.resume(desk.connection, found.id, skip_missed=skip_missed)
    desk.note("subscription.resume", name, skip_missed=skip_missed)
    return subscription.find(desk.connection, name)


def remove(desk: Desk, name: str) -> None:
    """Forget a subscription, and how its deliveries went.

    Raises:
        NotFoundError: there is none that one may see.
    """
    found = find_subscription(desk, name)
    subscription.remove(desk.connection, found.id)
    desk.note("subscription.remove", name)


def rotate_secret(desk: Desk, means: Means, name: str) -> NewSubscription:
    """Give it another secret: a webhook's old one signs too for a day, a feed's is void at once.

    Raises:
        NotFoundError: there is none that one may see.
        InvalidError: it is a mail, which has none.
    """
    found = find_subscription(desk, name)
    match found.channel:
        case Channel.WEBHOOK:
            rotated = WebhookSecrets.opened(found.secret, means.secrets).rotated(desk.now)
            secret, kept = rotated.current, rotated.sealed(means.secrets)
        case Channel.FEED:
            secret, kept = _prepared(means, Channel.FEED, "")
        case Channel.MAIL:
            raise InvalidError(f"{name}: expected a webhook or a feed, got a mail, which has no secret")
    subscription.change(desk.connection, found.id, secret=kept)
    desk.note("subscription.rotate-secret", name)
    return NewSubscription(found, secret)


def test(desk: Desk, name: str) -> None:
    """Have a test sent, soon; how it went is among the deliveries, as event 0.

    Raises:
        NotFoundError: there is none that one may see.
        ConflictError: nothing is sent for it.
    """
    found = _sending(desk, name)
    delivery.ask_for_test(desk.connection, found.id, now=desk.now)
    desk.note("subscription.test", name)


def deliveries(
    desk: Desk,
    name: str,
    *,
    state: DeliveryState | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page[Delivery]:
    """A page of how telling went, the newest first.

    Raises:
        NotFoundError: there is no such subscription that one may see.
        InvalidError: the limit or the cursor cannot be one.
    """
    found = find_subscription(desk, name)
    return delivery.listed(desk.connection, found.id, state=state, after=after, limit=limit)


def dead_letters(desk: Desk, name: str) -> int:
    """How many deliveries of a subscription were given up.

    Raises:
        NotFoundError: there is no such subscription that one may see.
    """
    return delivery.count_dead(desk.connection, find_subscription(desk, name).id)


def resend(desk: Desk, name: str, event_id: int) -> None:
    """Have a delivery made again, once, before what comes next.

    Raises:
        NotFoundError: there is no such subscription that one may see, or it had no such event.
        ConflictError: nothing is sent for it, or it is tried again by itself.
    """
    found = _sending(desk, name)
    delivery.resend(desk.connection, found.id, event_id, now=desk.now)
    desk.note("subscription.resend", name, event_id=event_id)


def _prepared(means: Means, channel: Channel, address: str) -> tuple[str, str]:
    """The secret, and what the database keeps of it."""
    match channel:
        case Channel.WEBHOOK:
            check_host(parse(address, insecure_http=means.insecure_http), means.private_networks)
            made = WebhookSecrets.make()
            return made.current, made.sealed(means.secrets)
        case Channel.FEED:
            if address:
                raise InvalidError("address: a feed is fetched, expected none")
            token = secret_token.make(secret_token.Prefix.FEED)
            return token, secret_token.digest(token)
        case Channel.MAIL:
            check_mail(address)
            if not means.has_mail:
                raise ConflictError("expected a mail server in the settings ([mail] host), got none")
            return "", ""


def _check_number(desk: Desk) -> None:
    """Each costs the sender and every list: nobody makes them without end (B07)."""
    owner = desk.actor.operator_id
    if owner is not None and subscription.count_of(desk.connection, owner) >= _EACH_MOST:
        raise ConflictError(f"expected at most {_EACH_MOST} subscriptions of one operator: remove some")


def _need(desk: Desk, role: Role, wanted: Filter) -> None:
    for product in sorted(wanted.products):
        desk.need(role, product)
    if wanted.products:
        return
    # a person's own tells no more than the person sees; a token may be for less than its owner
    if role is Role.ADMIN or desk.actor.kind is not ActorKind.OPERATOR:
        desk.need_everywhere(role)


def _sees(desk: Desk, found: Subscription) -> bool:
    if desk.actor.kind is ActorKind.OPERATOR and found.operator_id == desk.actor.operator_id:
        return True
    try:
        _need(desk, Role.ADMIN, found.filter)
    except (NotFoundError, ForbiddenError):
        return False
    return True


def _sending(desk: Desk, name: str) -> Subscription:
    found = find_subscription(desk, name)
    if found.channel is Channel.FEED:
        raise ConflictError(f"{name}: expected a webhook or a mail, got a feed, which is fetched")
    if found.status is Status.PAUSED:
        raise ConflictError(
            f"{name}: expected an active subscription, got a paused one; resume it first"
        )
    return found


def _own_mail(desk: Desk) -> str:
    if desk.actor.kind is not ActorKind.OPERATOR or desk.actor.operator_id is None:
        return ""
    return account.with_id(desk.connection, desk.actor.operator_id).mail
