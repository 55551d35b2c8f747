"""A limit on bytes a day, counted durably: for a line that costs by the byte.

The day is UTC's, by the device's clock, which may be wrong. A clock set forward opens each day once. A
clock set back opens none by itself, as one that is moved to and fro would give a new allowance each
time. Nor may a date in the far future, once believed, lock the device up until then: the earlier day is
believed after the device has measured a whole day of its own running.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from ota_client.disk.record import Record
from ota_client.disk.storage import Storage
from ota_client.errors import QuotaError, StateCorruptError
from ota_client.formats.strict import Fields, canonical_json, parse_canonical_json
from ota_client.network.wire_guard import Clock

FORMAT: Final = "ratchet-traffic/1"
_LONGEST: Final = 1024
_DAY_S: Final = 86_400
_STEP_LEAST_BYTES: Final = 64 * 1024
_STEP_MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was fetched on one day.

    Attributes:
        day: UTC.
        used_bytes: headers included; while something is fetched, up to a step more.
        elapsed_s: at least so many seconds have passed since the day's allowance was opened.
        uptime_s: the monotonic clock when that was noted.
    """

    day: date
    used_bytes: int = 0
    elapsed_s: int = 0
    uptime_s: int = 0

    def at(self, today: date, uptime_s: int) -> "Traffic":
        """What holds now: the same allowance, or a new one."""
        # after a restart, at least the new uptime has passed
        passed_s = uptime_s - self.uptime_s if uptime_s >= self.uptime_s else uptime_s
        elapsed_s = self.elapsed_s + passed_s
        if today > self.day or (today < self.day and elapsed_s >= _DAY_S):
            return Traffic(today, uptime_s=uptime_s)
        return replace(self, elapsed_s=elapsed_s, uptime_s=uptime_s)

    def goes_on(self, today: date) -> str:
        """When there will be a new allowance, in words."""
        tomorrow = datetime.combine(self.day, time(), UTC) + timedelta(days=1)
        if today >= self.day:
            return f"on {tomorrow:%Y-%m-%dT%H:%M:%SZ}"
        left_s = _DAY_S - self.elapsed_s
        return f"after {left_s} s more of running, as the clock was set back from {self.day} to {today}"

    def to_bytes(self) -> bytes:
        """Write it as canonical JSON."""
        return canonical_json(
            {
                "format": FORMAT,
                "day": self.day.isoformat(),
                "used_bytes": self.used_bytes,
                "elapsed_s": self.elapsed_s,
                "uptime_s": self.uptime_s,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Traffic":
        """Read what ``to_bytes`` wrote.

        Raises:
            StateCorruptError: it is anything else.
        """
        what = "traffic"
        value = parse_canonical_json(data, max_bytes=_LONGEST, what=what, error=StateCorruptError)
        fields = Fields(value, what, StateCorruptError)
        if (found := fields.text("format", longest=80)) != FORMAT:
            fields.fail("format", FORMAT, found)
        traffic = cls(
            day=fields.parsed("day", _parse_day),
            used_bytes=fields.integer("used_bytes"),
            elapsed_s=fields.integer("elapsed_s"),
            uptime_s=fields.integer("uptime_s"),
        )
        fields.finish()
        return traffic


class DailyLimit:
    """Counts the bytes of each day, also across restarts, and ends them at a limit.

    The record runs ahead of the count by a step, so that a power cut gives no byte twice.

    Args:
        limit_bytes: most bytes a day.
        record: where the count outlives a restart.
        clock: the time, UTC; it may be wrong.
        uptime: monotonic seconds since some moment of this boot, alike for all processes.
    """

    def __init__(
        self, limit_bytes: int, record: Record, *, clock: Callable[[], datetime], uptime: Clock
    ) -> None:
        self._limit_bytes, self._record, self._clock, self._uptime = limit_bytes, record, clock, uptime
        self._step_bytes = min(max(limit_bytes // 64, _STEP_LEAST_BYTES), _STEP_MOST_BYTES)
        self._traffic: Traffic | None = None
        self._noted_bytes = 0

    def check(self, needed_bytes: int = 1) -> None:
        """Refuse to fetch what the day's allowance has no room for.

        Raises:
            QuotaError: there is none; it names when it goes on.
            InstallError: the record cannot be read.
        """
        traffic = self._now()
        if traffic.used_bytes + needed_bytes > self._limit_bytes:
            raise QuotaError(
                f"daily_limit_bytes: expected {needed_bytes} bytes or more to be left of "
                f"{self._limit_bytes} for {traffic.day}, got {self._limit_bytes - traffic.used_bytes}; "
                f"goes on {traffic.goes_on(self._clock().date())}; metadata is still checked"
            )

    def took(self, got_bytes: int) -> None:
        """Count bytes that came.

        Raises:
            InstallError: the record cannot be written.
        """
        traffic = self._traffic or self._now()
        self._traffic = replace(traffic, used_bytes=traffic.used_bytes + got_bytes)
        if self._traffic.used_bytes > self._noted_bytes:
            traffic = self._now()
            self._note(replace(traffic, used_bytes=traffic.used_bytes + self._step_bytes))

    def settle(self) -> None:
        """Note the exact count, when an answer has ended."""
        if self._traffic is not None and self._traffic.used_bytes != self._noted_bytes:
            self._note(self._traffic)

    def _now(self) -> Traffic:
        today, uptime_s = self._clock().date(), int(self._uptime())
        if self._traffic is None:
            self._traffic = read_traffic(self._record) or Traffic(today, uptime_s=uptime_s)
            self._noted_bytes = self._traffic.used_bytes
        before, self._traffic = self._traffic, self._traffic.at(today, uptime_s)
        if before.day != self._traffic.day:
            self._noted_bytes = 0
        return self._traffic

    def _note(self, traffic: Traffic) -> None:
        self._record.write(traffic.to_bytes())
        self._noted_bytes = traffic.used_bytes


@dataclass(frozen=True, slots=True)
class TrafficReport:
    """How much of a day's allowance was used, as last noted.

    Attributes:
        day: UTC; None before the first byte.
    """

    day: date | None
    used_bytes: int
    limit_bytes: int

    @classmethod
    def read(cls, record: Record, limit_bytes: int) -> "TrafficReport":
        """Read what was last noted; raises as ``read_traffic``."""
        traffic = read_traffic(record)
        if traffic is None:
            return cls(None, 0, limit_bytes)
        return cls(traffic.day, traffic.used_bytes, limit_bytes)

    def to_fields(self) -> dict[str, object]:
        """The report as JSON fields (docs/reference/ota-client.md)."""
        return {
            "day": self.day.isoformat() if self.day else None,
            "used_bytes": self.used_bytes,
            "limit_bytes": self.limit_bytes,
        }


def traffic_record(storage: Storage, state_dir: Path) -> Record:
    """Where a device keeps its count."""
    return Record(storage, str(state_dir / "traffic"))


def read_traffic(record: Record) -> Traffic | None:
    """What was last noted, or None where nothing was yet.

    Raises:
        StateCorruptError: both copies are damaged.
        StorageError: the disk does not let itself be read.
    """
    content = record.read()
    return None if content is None else Traffic.from_bytes(content)


def _parse_day(text: str) -> date:
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError(f"expected a day such as 2026-11-22, got {text[:80]!r}")
    return day
