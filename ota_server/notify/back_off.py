"""When a delivery that failed is tried again, and when it is given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

_LONGEST_S: Final = 3600
_DOUBLINGS_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class BackOff:
    """The rule.

    Attributes:
        first_s: before the first further attempt; each one doubles it, up to an hour.
        give_up_s: a receiver that fails for so long loses the events that are as old.
    """

    first_s: int
    give_up_s: int

    def delay_s(self, attempts: int, chance: float, asked_s: int | None = None) -> int:
        """Seconds before the next attempt.

        Args:
            attempts: failed ones in a row, from 1.
            chance: from 0 to 1; takes up to half off, so that many do not come back at once.
            asked_s: what the receiver asked for; it is never tried before.
        """
        doubled = self.first_s * 2.0 ** min(attempts - 1, _DOUBLINGS_MOST)
        own = ceil(min(doubled, max(_LONGEST_S, self.first_s)) * (1 - chance / 2))
        return max(own, asked_s or 0)

    def is_over(self, failing_since: datetime, happened_at: datetime, now: datetime) -> bool:
        """Whether to give an event up."""
        return now - max(failing_since, happened_at) >= timedelta(seconds=self.give_up_s)
