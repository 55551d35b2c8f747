"""Products and their rules."""

from typing import Annotated

from msgspec import Meta

from ota_server.web.api.paging import Answer, PageAnswer
from ota_server.web.shapes import Name, Shape, VersionText


class RulesBody(Shape, frozen=True):
    """A product's rules."""

    needs_approval: Annotated[bool, Meta(description="A rollout needs a second person's approval.")]


class RulesAnswer(Answer, frozen=True):
    """A product's rules, as they are now."""

    needs_approval: bool


class ProductAnswer(Answer, frozen=True):
    """One product."""

    name: Name
    devices: int
    releases: Annotated[int, Meta(description="How many are published.")]
    newest: Annotated[VersionText | None, Meta(description="The newest release.")]
    problem: Annotated[str, Meta(description="Why devices would refuse what is published.")]
    needs_approval: bool


class ProductsAnswer(PageAnswer, frozen=True):
    """The products that you see, by name."""

    items: list[ProductAnswer]
