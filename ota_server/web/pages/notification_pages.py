"""Notifications: who is told of what, how that went, and what was given up."""

from dataclasses import dataclass
from typing import Final

from ota_server.errors import ConflictError, ForbiddenError, InvalidError
from ota_server.journal.event_kind import EventKind
from ota_server.notify.delivery import DeliveryState
from ota_server.notify.filter import SEVERITIES, Filter
from ota_server.notify.subscription import Channel, Subscription
from ota_server.operations import notifications
from ota_server.operations.notifications import NewSubscription
from ota_server.web.pages.page import Answer, Drawn, Moved, Page, Visit, done

_EVENTS_A_PAGE: Final = 30
_DELIVERIES_A_PAGE: Final = 30
_FIELDS: Final = ("name", "channel", "address", "least_severity", "device_ids")


@dataclass(frozen=True, slots=True)
class ListedSubscription:
    """A subscription in the list."""

    subscription: Subscription
    dead: int


def listed(visit: Visit) -> Answer:
    """Subscriptions, and what happened lately."""
    found = notifications.subscriptions(visit.desk)
    items = tuple(
        ListedSubscription(one, notifications.dead_letters(visit.desk, one.name)) for one in found
    )
    page = notifications.events(
        visit.desk,
        product=visit.product or "",
        after=visit.query.text("after") or None,
        limit=_EVENTS_A_PAGE,
    )
    return Drawn("notifications", {"items": items, "page": page, "query": visit.query})


def form(visit: Visit, error: str = "") -> Answer:
    """The form of a new one."""
    fields = visit.form if error else visit.query
    values = {
        "given": {name: fields.text(name) for name in _FIELDS},
        "kinds": tuple(EventKind),
        "given_kinds": fields.texts("kind"),
        "given_products": fields.texts("products"),
        "channels": tuple(Channel),
        "severities": SEVERITIES,
        "has_mail": visit.house.means.has_mail,
        "error": error,
    }
    return Drawn("subscription_new", values, 422 if error else 200)


def subscribe(visit: Visit) -> Answer:
    """Make it; a secret is shown this once."""
    fields = visit.form
    try:
        with visit.desk.connection.begin_nested():
            made = notifications.subscribe(
                visit.desk,
                visit.house.means,
                name=fields.text("name"),
                channel=_channel(fields.text("channel")),
                address=fields.text("address"),
                wanted=_filter(visit),
            )
    except (InvalidError, ConflictError, ForbiddenError) as e:
        return form(visit, str(e))
    return (
        _once(visit, made) if made.secret else done(_path(made.subscription.name), "subscription-made")
    )


def show(visit: Visit) -> Answer:
    """One subscription, and how its deliveries went."""
    name = visit.path["name"]
    text = visit.query.text("state")
    if text and text not in set(DeliveryState):
        raise InvalidError(f"state: expected one of {', '.join(DeliveryState)}, got {text[:40]!r}")
    page = notifications.deliveries(
        visit.desk,
        name,
        state=DeliveryState(text) if text else None,
        after=visit.query.text("after") or None,
        limit=_DELIVERIES_A_PAGE,
    )
    values = {
        "one": notifications.find_subscription(visit.desk, name),
        "dead": notifications.dead_letters(visit.desk, name),
        "page": page,
        "state": text,
        "states": tuple(DeliveryState),
        "query": visit.query,
    }
    return Drawn("subscription", values)


def pause(visit: Visit) -> Answer:
    """Send nothing for now."""
    notifications.pause(visit.desk, visit.path["name"])
    return done(_path(visit.path["name"]), "subscription-paused")


def resume(visit: Visit) -> Answer:
    """Go on, with what waited or without."""
    skip = visit.form.flag("skip_missed")
    notifications.resume(visit.desk, visit.path["name"], skip_missed=skip)
    return done(_path(visit.path["name"]), "subscription-resumed")


def test(visit: Visit) -> Answer:
    """Have a test sent."""
    notifications.test(visit.desk, visit.path["name"])
    return done(_path(visit.path["name"]), "sent")


def resend(visit: Visit) -> Answer:
    """Have one delivery made again."""
    notifications.resend(visit.desk, visit.path["name"], visit.form.integer("event_id"))
    return done(_path(visit.path["name"]), "resend")


def rotate(visit: Visit) -> Answer:
    """Another secret, shown this once."""
    return _once(visit, notifications.rotate_secret(visit.desk, visit.house.means, visit.path["name"]))


def remove(visit: Visit) -> Answer:
    """Forget it."""
    notifications.remove(visit.desk, visit.path["name"])
    return Moved("/notifications?done=subscription-removed")


def _once(visit: Visit, made: NewSubscription) -> Drawn:
    name, is_feed = made.subscription.name, made.subscription.channel is Channel.FEED
    values = {
        "title": f"Subscription {name}",
        "crumbs": (("Notifications", "/notifications"), (name, _path(name))),
        "what": "The feed's address" if is_feed else "The webhook's secret",
        "hint": "Whoever has it reads the feed."
        if is_feed
        else "The receiver checks signatures with it.",
        "secret": f"{visit.house.url}/feeds?token={made.secret}" if is_feed else made.secret,
        "back": _path(name),
    }
    return Drawn("once", values)


def _filter(visit: Visit) -> Filter:
    fields = visit.form
    kinds = [one for one in fields.texts("kind") if one]
    if not set(kinds) <= set(EventKind):
        raise InvalidError(f"kind: expected some of {', '.join(EventKind)}, got another")
    return Filter(
        kinds=frozenset(map(EventKind, kinds)),
        products=frozenset(one for one in fields.texts("products") if one),
        least_severity=fields.text("least_severity"),
        device_ids=fields.text("device_ids"),
    ).checked()


def _channel(text: str) -> Channel:
    if text not in set(Channel):
        raise InvalidError(f"channel: expected one of {', '.join(Channel)}, got {text[:40]!r}")
    return Channel(text)


def _path(name: str) -> str:
    return f"/notifications/{name}"


_ONE: Final = "/notifications/{name}"
PAGES: Final = (
    Page(
        "GET", "/notifications", listed, "Subscriptions, their dead letters, and what happened lately."
    ),
    # before any name: no subscription can be called "+"
    Page("GET", "/notifications/+new", form, "The form of a new subscription."),
    Page("POST", "/notifications", subscribe, "Subscribe; a secret is shown once."),
    Page("GET", _ONE, show, "One subscription and its deliveries."),
    Page("POST", f"{_ONE}/pause", pause, "Send nothing for now."),
    Page("POST", f"{_ONE}/resume", resume, "Go on, with what waited or without."),
    Page("POST", f"{_ONE}/test", test, "Have a test sent."),
    Page("POST", f"{_ONE}/resend", resend, "Send a dead letter again."),
    Page("POST", f"{_ONE}/rotate-secret", rotate, "Another secret, shown once."),
    Page("POST", f"{_ONE}/remove", remove, "Forget the subscription."),
)
