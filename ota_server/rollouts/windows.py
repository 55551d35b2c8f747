"""Maintenance windows: when devices may be given an update, by a clock on a wall of some place."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Final, Self
from zoneinfo import ZoneInfo

WINDOWS_MOST: Final = 20
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW = re.compile(
    r"(?:(?P<days>[A-Z][a-z]{2}(?:[,-][A-Z][a-z]{2})*) )?"
    r"(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)"
    r"(?: (?P<zone>[A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){0,3}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Some hours of some days of the week.

    It goes by what a clock on the wall there shows. In the night in which clocks go forward, a window
    that lies wholly in the skipped hour does not open; in the night in which they go back, one that lies
    in the repeated hour is open twice.

    Attributes:
        days: on which it begins; 0 is Monday.
        start: the first minute of it.
        end: the first minute after it; on the next day if it is not after ``start``.
        zone: a name of the IANA time zone database.
    """

    days: frozenset[int]
    start: time
    end: time
    zone: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a window such as ``Mon-Fri 22:00-04:00 Europe/Berlin`` or ``Sat,Sun 00:00-24:00``.

        Days left out are all days, a zone left out is UTC; 24:00 is the day's end.

        Raises:
            ValueError: it is not one, or there is no such zone.
        """
        match = _WINDOW.fullmatch(text)
        if match is None:
            raise _unreadable(text)
        try:
            days = _days(match["days"] or "Mon-Sun")
            start, end = _clock(match["start"]), _clock(match["end"].replace("24:00", "00:00"))
        except ValueError as e:
            raise _unreadable(text) from e
        zone = match["zone"] or "UTC"
        _zone(zone)
        return cls(days, start, end, zone)

    def __str__(self) -> str:
        days = ",".join(_DAYS[day] for day in sorted(self.days))
        return f"{days} {self.start:%H:%M}-{self.end:%H:%M} {self.zone}"

    def is_open(self, now: datetime) -> bool:
        """Whether a clock there shows a time of the window."""
        local = now.astimezone(_zone(self.zone))
        today, clock = local.weekday(), local.time().replace(tzinfo=None, fold=0)
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        yesterday = (local.date() - timedelta(days=1)).weekday()
        return (today in self.days and clock >= self.start) or (
            yesterday in self.days and clock < self.end
        )


def is_open(windows: tuple[MaintenanceWindow, ...], now: datetime) -> bool:
    """Whether any window is open; without windows it always is."""
    return not windows or any(window.is_open(now) for window in windows)


def _unreadable(text: str) -> ValueError:
    return ValueError(
        "expected a window such as 'Mon-Fri 22:00-04:00 Europe/Berlin' (days and zone may be left out), "
        f"got {text[:60]!r}"
    )


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        # Sat-Mon goes round the end of the week
        days.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(days)


def _clock(text: str) -> time:
    return time.fromisoformat(text)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as e:
        raise ValueError(
            f"expected a time zone of the IANA database such as Europe/Berlin, got {name[:60]!r}"
        ) from e
