"""What was read lately, bounded in bytes."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# What an entry costs beside its content, so that empty ones are bounded as well.
_OVERHEAD_BYTES = 1024


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    value: T
    until_s: float
    size_bytes: int


class Recent(Generic[T]):
    """Values by name; those not asked for longest give way.

    Args:
        most_bytes: of all values together.
        clock: monotonic seconds.
    """

    def __init__(self, most_bytes: int, clock: Callable[[], float]) -> None:
        self._most_bytes, self._clock = most_bytes, clock
        self._entries: OrderedDict[str, _Entry[T]] = OrderedDict()
        self._size_bytes = 0

    def get(self, name: str) -> T | None:
        """The value, unless its time is over."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        if entry.until_s <= self._clock():
            self._drop(name)
            return None
        self._entries.move_to_end(name)
        return entry.value

    def put(self, name: str, value: T, size_bytes: int, lifetime_s: float) -> None:
        """Keep a value for so long."""
        self._drop(name)
        entry = _Entry(value, self._clock() + lifetime_s, size_bytes + _OVERHEAD_BYTES)
        self._entries[name] = entry
        self._size_bytes += entry.size_bytes
        while self._size_bytes > self._most_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, name: str) -> None:
        entry = self._entries.pop(name, None)
        if entry is not None:
            self._size_bytes -= entry.size_bytes
