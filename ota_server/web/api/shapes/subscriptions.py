"""Subscriptions: who is told of what, how, and how that went."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ota_client.formats.strict import NAME_LONGEST
from ota_server.journal.event_kind import EventKind
from ota_server.notify.delivery import DeliveryState
from ota_server.notify.filter import Filter
from ota_server.notify.subscription import Channel
from ota_server.web.api.paging import Answer, PageAnswer, PageQuery
from ota_server.web.shapes import Moment, Name, Shape

_ADDRESS_LONGEST = 2000
_PRODUCTS_MOST = 100

Severity = Annotated[
    str,
    Meta(pattern=r"^(none|low|medium|high|critical)?$(?!\n)", description="Of releases and advisories."),
]
DeviceIds = Annotated[
    str,
    Meta(
        max_length=NAME_LONGEST,
        pattern=r"^[a-z0-9._*?-]*$(?!\n)",
        description="An id or a pattern such as `cam-*`: for a device's owner.",
    ),
]


class SubscriptionsQuery(Shape, frozen=True):
    """Of one channel, or all."""

    channel: Channel | UnsetType = UNSET


class DeliveriesQuery(PageQuery, frozen=True):
    """Which deliveries, and which page of them."""

    state: DeliveryState | UnsetType = UNSET


class FilterShape(Shape, frozen=True):
    """Which events; what is left empty asks for all."""

    kinds: Annotated[tuple[EventKind, ...], Meta(max_length=len(EventKind))] = ()
    products: Annotated[tuple[Name, ...], Meta(max_length=_PRODUCTS_MOST)] = ()
    least_severity: Severity = ""
    device_ids: DeviceIds = ""

    def to_filter(self) -> Filter:
        """In the domain's words."""
        return Filter(
            frozenset(self.kinds), frozenset(self.products), self.least_severity, self.device_ids
        )


class SubscriptionBody(Shape, frozen=True):
    """A new subscription."""

    name: Name
    channel: Channel
    address: Annotated[
        str,
        Meta(
            max_length=_ADDRESS_LONGEST,
            description="A webhook's URL, or a mail address; a feed has none.",
            extra_json_schema={"format": "webhook"},
        ),
    ] = ""
    filter: FilterShape = FilterShape()


class ResumeBody(Shape, frozen=True):
    """How to go on."""

    skip_missed: Annotated[bool, Meta(description="Forget what has happened meanwhile.")] = False


class SubscriptionAnswer(Answer, frozen=True):
    """One subscription."""

    name: Name
    channel: Channel
    address: str
    filter: FilterShape
    status: Annotated[str, Meta(description="active, paused")]
    reason: Annotated[str, Meta(description="Why it is paused.")]
    created_at: Moment
    position: Annotated[int, Meta(description="The last event that is done with.")]
    attempts: Annotated[int, Meta(description="Failed ones in a row.")]
    failing_since: Moment | None


class SubscriptionsAnswer(PageAnswer, frozen=True):
    """The subscriptions that you may see, by name."""

    items: list[SubscriptionAnswer]


class NewSubscriptionAnswer(SubscriptionAnswer, frozen=True):
    """A subscription with its secret, which is shown this once."""

    secret: Annotated[str, Meta(description="A webhook's, or a feed's token; empty for mail.")]


class SubscriptionDetailsAnswer(SubscriptionAnswer, frozen=True):
    """One subscription, and how much of it was given up."""

    dead_letters: Annotated[int, Meta(description="Deliveries that were given up.")]


class DeliveryAnswer(Answer, frozen=True):
    """One event's way to one subscription."""

    event_id: Annotated[int, Meta(description="0 is a test.")]
    kind: Annotated[str, Meta(description="Of the event; empty if it is kept no more.")]
    state: DeliveryState
    attempts: int
    at: Moment
    http_status: Annotated[int | None, Meta(description="What the receiver answered last.")]
    error: Annotated[str, Meta(description="Why it failed.")]


class DeliveriesAnswer(PageAnswer, frozen=True):
    """A page of deliveries, the newest first."""

    items: list[DeliveryAnswer]
