"""Pages of a list that is read whole: groups of devices, enrolment tokens."""

from collections.abc import Sequence
from typing import Final, TypeVar

from ota_server.page import Page, Total
from ota_server.web.pages.page import Fields

T = TypeVar("T")

_A_PAGE: Final = 50


def slice_of(items: Sequence[T], query: Fields) -> Page[T]:
    """The part that ``?after=`` asks for, which is how many were shown before.

    Raises:
        InvalidError: it is no number.
    """
    start = query.integer("after", 0)
    end = start + _A_PAGE
    return Page.of(items[start:end], Total(len(items)), str(end) if end < len(items) else None)
