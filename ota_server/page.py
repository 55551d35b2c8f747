"""A part of a long list, and where the next part begins."""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ota_server.errors import InvalidError

T = TypeVar("T")

PAGE_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page.

    Attributes:
        total: of all pages.
        next_after: the cursor of the next page; None on the last one.
    """

    items: tuple[T, ...]
    total: int
    next_after: str | None


def check_limit(limit: int) -> None:
    """Refuse a page of no length, or an endless one.

    Raises:
        InvalidError: it is not from 1 to ``PAGE_MOST``.
    """
    if not 1 <= limit <= PAGE_MOST:
        raise InvalidError(f"limit: expected 1 to {PAGE_MOST} entries a page, got {limit}")
