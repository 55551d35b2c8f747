"""Groups of devices (docs/reference/group-queries.md)."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ota_server.devices.query_tokens import QUERY_LONGEST
from ota_server.web.api.paging import Answer, PageAnswer
from ota_server.web.shapes import Moment, Name, Shape

GroupQuery = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=QUERY_LONGEST,
        examples=["hardware_id = cam-v2 and version < 1.2.0"],
        extra_json_schema={"format": "group-query"},
    ),
]


class OfProduct(Shape, frozen=True):
    """Of one product, or of all that you see."""

    product: Name | UnsetType = UNSET


class GroupBody(Shape, frozen=True):
    """A new group."""

    product: Name
    name: Name
    query: GroupQuery


class GroupQueryBody(Shape, frozen=True):
    """What a group selects."""

    query: GroupQuery


class GroupPreviewBody(Shape, frozen=True):
    """A query to try."""

    product: Name
    query: GroupQuery
    # so many ids are answered
    limit: Annotated[int, Meta(ge=1, le=200)] = 20


class GroupAnswer(Answer, frozen=True):
    """One group."""

    product: Name
    name: Name
    query: Annotated[str, Meta(description="In its canonical form.")]
    created_at: Moment
    devices: Annotated[int, Meta(description="How many are in it.")]


class GroupsAnswer(PageAnswer, frozen=True):
    """All groups, by product and name."""

    items: list[GroupAnswer]


class MatchesAnswer(Answer, frozen=True):
    """Whom a query would match."""

    total: int
    first: Annotated[list[str], Meta(description="The ids of the first devices.")]
