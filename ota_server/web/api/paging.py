"""Long lists in pages, behind cursors that only this server reads."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Any, Final, Self, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ota_server.page import Page
from ota_server.plain import plain
from ota_server.web.shapes import FieldError, Shape

LIMIT_MOST: Final = 200

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MOST, description="So many at most.")]
Cursor = Annotated[
    str,
    Meta(
        max_length=128,
        pattern=r"^[A-Za-z0-9_-]+$(?!\n)",
        description="`next_after` of the page before.",
        extra_json_schema={"format": "cursor"},
    ),
]
Total = Annotated[int, Meta(ge=0, description="Of all pages.")]
NextAfter = Annotated[str | None, Meta(description="The next page's `after`; null on the last one.")]

A = TypeVar("A", bound="Answer")
P = TypeVar("P", bound="PageAnswer")
T = TypeVar("T")


class PageQuery(Shape, frozen=True):
    """Which page."""

    limit: Limit = 100
    after: Cursor | UnsetType = UNSET

    @property
    def cursor(self) -> str | None:
        """Where it begins; raises FieldError."""
        return opened_cursor(self.after)


class Answer(Shape, frozen=True, forbid_unknown_fields=False, omit_defaults=False):
    """A JSON object; fields may be added to it within this version of the API."""

    @classmethod
    def told(cls, value: object, **further: object) -> Self:
        """From what an operation gives: the same fields that its command has with ``--json``."""
        fields = plain(value)
        if further:
            fields = {**(fields if isinstance(fields, dict) else {}), **_plain_fields(further)}
        return msgspec.convert(fields, cls)


class PageAnswer(Answer, frozen=True):
    """One page of a list."""

    items: list[Any]
    total: Total
    next_after: NextAfter
    total_is_exact: Annotated[bool, Meta(description="False if there are more.")] = True

    @classmethod
    def page(cls, page: Page[Any]) -> Self:
        """From a page, whose items have fields of their own."""
        after = None if page.next_after is None else _closed(page.next_after)
        return cls.told(page, next_after=after)

    @classmethod
    def of_items(cls, page: Page[Any], items: list[Any]) -> Self:
        """From a page whose items were made into answers already."""
        after = None if page.next_after is None else _closed(page.next_after)
        return cls(items, page.total, after, page.total_is_exact)

    @classmethod
    def whole(cls, items: Sequence[Any]) -> Self:
        """From a list that is short enough for one page."""
        return cls.told(Page(tuple(items), len(items), None))


class Part(Shape, frozen=True):
    """What comes next of a list that is answered whole, or of what happens.

    Attributes:
        after: where the part behind it begins; None if there is none.
    """

    items: list[Any]
    after: str | None

    @classmethod
    def of(cls, page: Page[Any], kind: type[Answer]) -> Self:
        """From a page."""
        return cls([kind.told(item) for item in page.items], page.next_after)


def given(value: T | UnsetType) -> T | None:
    """What was given; None if nothing was."""
    return None if value is UNSET else value


def _plain_fields(fields: dict[str, object]) -> dict[str, object]:
    return {name: plain(value) for name, value in fields.items()}


def _closed(cursor: str) -> str:
    return urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def opened_cursor(text: str | UnsetType) -> str | None:
    """Where a page begins, in the domain's words.

    Raises:
        FieldError: no page was answered with it.
    """
    if text is UNSET:
        return None
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        raise FieldError("$.after", "Expected `next_after` of the page before.") from None
