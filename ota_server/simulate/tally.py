"""What the simulation counts: answers and their times, and where the devices stand."""

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

# buckets of 5 %: exact enough for a percentile, and small however long the simulation runs
_GROWTH: Final = math.log(1.05)
_LEAST_S: Final = 1e-5


class Standing(StrEnum):
    """Where one device stands, as it sees itself."""

    ENROLLING = "enrolling"
    WAITING = "waiting"
    UPDATING = "updating"
    UPDATED = "updated"
    FAILED = "failed"
    FELL_BACK = "fell_back"
    REFUSED = "refused"
    OFFLINE = "offline"
    TURNED_AWAY = "turned_away"


class Latencies:
    """How long answers took, in buckets that grow by 5 %."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count one answer."""
        self._buckets[int(math.log(max(seconds, _LEAST_S) / _LEAST_S) / _GROWTH)] += 1

    def percentile_s(self, share: float) -> float:
        """The time within which ``share`` of the answers came; 0 if there were none."""
        wanted, seen = share * self._buckets.total(), 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return _LEAST_S * math.exp((bucket + 1) * _GROWTH)
        return 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The fleet at one moment.

    Attributes:
        at_s: since the start.
        requests_a_s: since the sample before.
    """

    at_s: float
    devices: dict[Standing, int]
    requests: int
    requests_a_s: float
    p99_s: float

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        return {
            "at_s": round(self.at_s, 1),
            "devices": {standing.value: count for standing, count in self.devices.items() if count},
            "requests": self.requests,
            "requests_a_s": round(self.requests_a_s, 1),
            "p99_s": round(self.p99_s, 4),
        }


@dataclass(slots=True)
class Tally:
    """Counts while the simulation runs.

    Attributes:
        most_updating: devices that held an assignment at the same time, as they saw it.
        answers: by route and status; status 0 means that no answer came.
    """

    standings: Counter[Standing] = field(default_factory=Counter)
    most_updating: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    latencies: dict[str, Latencies] = field(default_factory=dict)
    all_latencies: Latencies = field(default_factory=Latencies)
    retries: int = 0
    faults: int = 0
    reports: int = 0
    reports_acknowledged: int = 0
    assignments: int = 0

    def move(self, before: Standing | None, after: Standing) -> None:
        """One device stands elsewhere now."""
        if before is not None:
            self.standings[before] -= 1
        self.standings[after] += 1
        self.most_updating = max(self.most_updating, self.standings[Standing.UPDATING])

    def answered(self, route: str, status: int, seconds: float) -> None:
        """An answer came, or none (status 0)."""
        self.answers[route, status] += 1
        if status:
            self.latencies.setdefault(route, Latencies()).add(seconds)
            self.all_latencies.add(seconds)

    @property
    def requests(self) -> int:
        """All that were sent."""
        return self.answers.total()

    def sample(self, at_s: float, before: Sample | None) -> Sample:
        """The fleet now."""
        since = before or Sample(0.0, {}, 0, 0.0, 0.0)
        rate = (self.requests - since.requests) / max(at_s - since.at_s, 1e-9)
        devices = {standing: self.standings[standing] for standing in Standing}
        return Sample(at_s, devices, self.requests, rate, self.all_latencies.percentile_s(0.99))
