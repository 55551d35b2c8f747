"""A part of a long list, and where the next part begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar

from sqlalchemy import Connection, Select, func, select

from ota_server.errors import InvalidError

T = TypeVar("T")

PAGE_MOST: Final = 1000
# what no counter knows is counted so far: a page must not cost more in a larger fleet
COUNTED_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Total:
    """How many there are.

    Attributes:
        is_exact: False if there are more than ``number``.
    """

    number: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page.

    Attributes:
        total: of all pages.
        next_after: the cursor of the next page; None on the last one.
        total_is_exact: False if there are more than ``total``: not all were counted.
    """

    items: tuple[T, ...]
    total: int
    next_after: str | None
    total_is_exact: bool = True

    @classmethod
    def of(cls, items: Sequence[T], total: Total, next_after: str | None) -> Self:
        """A page out of so many."""
        return cls(tuple(items), total.number, next_after, total.is_exact)


def check_limit(limit: int) -> None:
    """Refuse a page of no length, or an endless one.

    Raises:
        InvalidError: it is not from 1 to ``PAGE_MOST``.
    """
    if not 1 <= limit <= PAGE_MOST:
        raise InvalidError(f"limit: expected 1 to {PAGE_MOST} entries a page, got {limit}")


def count(connection: Connection, rows: Select[Any]) -> Total:
    """Count rows, up to ``COUNTED_MOST``."""
    some = rows.limit(COUNTED_MOST + 1).subquery()
    found = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return Total(min(found, COUNTED_MOST), found <= COUNTED_MOST)
