"""Events: what happened (docs/reference/events.md)."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ota_client.formats.strict import INTEGER_MAX
from ota_server.journal.event_kind import EventKind
from ota_server.web.api.paging import Answer, PageAnswer, PageQuery
from ota_server.web.shapes import Moment, Name, Shape

Position = Annotated[int, Meta(ge=0, le=2**31 - 1, description="The id of an event, or 0.")]


class EventsQuery(PageQuery, frozen=True):
    """Which events, and which page of them."""

    kind: Annotated[tuple[EventKind, ...], Meta(max_length=32)] = ()
    product: Name | UnsetType = UNSET
    device_id: Name | UnsetType = UNSET


class FollowQuery(Shape, frozen=True):
    """Which events to follow, and from where on."""

    kind: Annotated[tuple[EventKind, ...], Meta(max_length=32)] = ()
    product: Name | UnsetType = UNSET
    device_id: Name | UnsetType = UNSET
    # those behind it; without it those that happen from now on
    position: Position | UnsetType = UNSET


class EventAnswer(Answer, frozen=True):
    """One thing that happened."""

    id: Annotated[int, Meta(ge=1, le=INTEGER_MAX, description="Rises in the order of commits.")]
    kind: str
    version: Annotated[int, Meta(ge=1, description="Of the document's schema.")]
    at: Moment
    product: Annotated[str, Meta(description="Empty for what concerns none.")]
    device_id: Annotated[str, Meta(description="Empty for what concerns no device.")]
    severity: Annotated[str, Meta(description="Of an advisory, or a release's worst one.")]
    document: Annotated[dict[str, Any], Meta(description="The kind's own fields.")]


class EventsAnswer(PageAnswer, frozen=True):
    """A page of events, the newest first."""

    items: list[EventAnswer]
