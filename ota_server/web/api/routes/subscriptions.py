"""Subscriptions, and how their deliveries went."""

from http import HTTPStatus
from typing import Final

from ota_server.errors import ConflictError
from ota_server.notify.means import Means
from ota_server.operations import notifications
from ota_server.operators.actor import Role
from ota_server.web.api.paging import given
from ota_server.web.api.parts import ApiParts
from ota_server.web.api.route import PREFIX, Call, Route
from ota_server.web.api.shapes.subscriptions import (
    DeliveriesAnswer,
    DeliveriesQuery,
    NewSubscriptionAnswer,
    ResumeBody,
    SubscriptionAnswer,
    SubscriptionBody,
    SubscriptionDetailsAnswer,
    SubscriptionsAnswer,
    SubscriptionsQuery,
)

_ALL: Final = f"{PREFIX}/subscriptions"
_ONE: Final = f"{_ALL}/{{subscription}}"


def _listed(call: Call[SubscriptionsQuery, None]) -> SubscriptionsAnswer:
    found = notifications.subscriptions(call.desk, channel=given(call.query.channel))
    return SubscriptionsAnswer.whole(found)


def _shown(call: Call[None, None]) -> SubscriptionDetailsAnswer:
    name = call.text("subscription")
    found = notifications.find_subscription(call.desk, name)
    return SubscriptionDetailsAnswer.told(
        found, dead_letters=notifications.dead_letters(call.desk, name)
    )


def _added(call: Call[None, SubscriptionBody]) -> NewSubscriptionAnswer:
    body = call.body
    made = notifications.subscribe(
        call.desk,
        _means(call.parts),
        name=body.name,
        channel=body.channel,
        address=body.address,
        wanted=body.filter.to_filter(),
    )
    return NewSubscriptionAnswer.told(made)


def _paused(call: Call[None, None]) -> SubscriptionAnswer:
    return SubscriptionAnswer.told(notifications.pause(call.desk, call.text("subscription")))


def _resumed(call: Call[None, ResumeBody]) -> SubscriptionAnswer:
    name, skip = call.text("subscription"), call.body.skip_missed
    return SubscriptionAnswer.told(notifications.resume(call.desk, name, skip_missed=skip))


def _rotated(call: Call[None, None]) -> NewSubscriptionAnswer:
    name = call.text("subscription")
    return NewSubscriptionAnswer.told(notifications.rotate_secret(call.desk, _means(call.parts), name))


def _tested(call: Call[None, None]) -> None:
    notifications.test(call.desk, call.text("subscription"))


def _removed(call: Call[None, None]) -> None:
    notifications.remove(call.desk, call.text("subscription"))


def _deliveries(call: Call[DeliveriesQuery, None]) -> DeliveriesAnswer:
    query = call.query
    page = notifications.deliveries(
        call.desk,
        call.text("subscription"),
        state=given(query.state),
        after=query.cursor,
        limit=query.limit,
    )
    return DeliveriesAnswer.page(page)


def _resent(call: Call[None, None]) -> None:
    notifications.resend(call.desk, call.text("subscription"), call.number("event_id"))


def _means(parts: ApiParts) -> Means:
    if parts.means is None:
        raise ConflictError("expected the server's own key, which seals secrets, got none")
    return parts.means


ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        "list_subscriptions",
        "The subscriptions that you may see, by name.",
        query=SubscriptionsQuery,
        answer=SubscriptionsAnswer,
        do=_listed,
    ),
    Route(
        "POST",
        _ALL,
        "add_subscription",
        "Be told of what happens from now on; a secret is shown this once.",
        status=HTTPStatus.CREATED,
        body=SubscriptionBody,
        answer=NewSubscriptionAnswer,
        role=Role.ADMIN,
        changes=True,
        do=_added,
    ),
    Route(
        "GET",
        _ONE,
        "show_subscription",
        "A subscription.",
        answer=SubscriptionDetailsAnswer,
        role=Role.ADMIN,
        do=_shown,
    ),
    Route(
        "DELETE",
        _ONE,
        "remove_subscription",
        "Forget a subscription, and how its deliveries went.",
        status=HTTPStatus.NO_CONTENT,
        role=Role.ADMIN,
        changes=True,
        do=_removed,
    ),
    Route(
        "POST",
        f"{_ONE}/pause",
        "pause_subscription",
        "Send nothing until it is resumed; what happens meanwhile waits.",
        answer=SubscriptionAnswer,
        role=Role.ADMIN,
        changes=True,
        do=_paused,
    ),
    Route(
        "POST",
        f"{_ONE}/resume",
        "resume_subscription",
        "Go on at once, with what has happened meanwhile, or without.",
        body=ResumeBody,
        answer=SubscriptionAnswer,
        role=Role.ADMIN,
        changes=True,
        do=_resumed,
    ),
    Route(
        "POST",
        f"{_ONE}/rotate-secret",
        "rotate_subscription_secret",
        "Give it another secret, shown this once; a webhook's old one signs too for a day.",
        answer=NewSubscriptionAnswer,
        role=Role.ADMIN,
        changes=True,
        do=_rotated,
    ),
    Route(
        "POST",
        f"{_ONE}/test",
        "test_subscription",
        "Have a test sent, soon; how it went is among the deliveries, as event 0.",
        status=HTTPStatus.NO_CONTENT,
        role=Role.ADMIN,
        changes=True,
        do=_tested,
    ),
    Route(
        "GET",
        f"{_ONE}/deliveries",
        "list_deliveries",
        "How telling went, the newest first; dead letters are in state dead.",
        query=DeliveriesQuery,
        answer=DeliveriesAnswer,
        role=Role.ADMIN,
        do=_deliveries,
    ),
    Route(
        "POST",
        f"{_ONE}/deliveries/{{event_id}}/resend",
        "resend_delivery",
        "Have a delivery made again, once, before what comes next.",
        status=HTTPStatus.NO_CONTENT,
        role=Role.ADMIN,
        changes=True,
        do=_resent,
    ),
)
