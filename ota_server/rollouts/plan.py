"""What an operator wants of a rollout, checked once; kept as canonical JSON in ``rollouts.plan``."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final, Self

from ota_client.formats.strict import (
    NAME_RULE,
    Fields,
    canonical_json,
    format_time,
    is_name,
    parse_canonical_json,
)
from ota_client.formats.version import Version
from ota_client.manifest import ROLLBACK_INDEX_MAX
from ota_server.errors import InvalidError
from ota_server.rollouts.share import WHOLE
from ota_server.rollouts.wave_plan import HaltCondition, SuccessCondition, WaveKind, WavePlan
from ota_server.rollouts.windows import WINDOWS_MOST, MaintenanceWindow

__all__ = (
    "HaltCondition",
    "ReleaseFacts",
    "RolloutPlan",
    "SuccessCondition",
    "WaveKind",
    "WavePlan",
)

WAVES_MOST: Final = 50
RETRIES_MOST: Final = 10
IN_FLIGHT_MOST: Final = 1_000_000
PRIORITY_MOST: Final = 1000
ANSWER_SHORTEST_S: Final = 60
ANSWER_LONGEST_S: Final = 90 * 86_400
_HARDWARE_IDS_MOST: Final = 64
_MAX_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What a signed manifest says about whom a release is for; see ``ota_client.manifest``."""

    version: Version
    rollback_index: int
    hardware_ids: tuple[str, ...]
    min_version: Version | None

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        fields: dict[str, object] = {
            "version": str(self.version),
            "rollback_index": self.rollback_index,
            "hardware_ids": list(self.hardware_ids),
        }
        return fields if self.min_version is None else {**fields, "min_version": str(self.min_version)}

    @classmethod
    def read(cls, table: Fields) -> Self:
        """Read the fields strictly; raises InvalidError."""
        facts = cls(
            table.parsed("version", Version.parse),
            table.integer("rollback_index", highest=ROLLBACK_INDEX_MAX),
            table.name_list("hardware_ids", most=_HARDWARE_IDS_MOST),
            table.given("min_version", lambda name: table.parsed(name, Version.parse), None),
        )
        table.finish()
        return facts


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """A rollout as its operator planned it.

    Attributes:
        group: the name of a group of devices of the product.
        max_in_flight: how many devices may be updating at once (B08).
        forced: False if each device's owner is asked first.
        starts_at: UTC; None to start at once.
        windows: when devices may be given the update; none for always.
        via: a release that devices below ``min_version`` are given first: the stepping stone.
        retries: how often a device that failed is given it again by itself.
        answer_within_s: a device that holds a place for longer without a report is silent, and gives it
            back.
        priority: of several rollouts a device gets the one with the highest, then the oldest.
        stays_open: devices that join the group after the end are updated too.
        release: what the signed manifest says; filled in when the rollout is made.
        stone: the same of ``via``.

    Raises:
        InvalidError: a value is out of range, or the waves contradict each other.
    """

    product: str
    name: str
    version: Version
    group: str
    waves: tuple[WavePlan, ...]
    max_in_flight: int
    forced: bool = True
    starts_at: datetime | None = None
    windows: tuple[MaintenanceWindow, ...] = ()
    via: Version | None = None
    retries: int = 2
    answer_within_s: int = 86_400
    priority: int = 0
    stays_open: bool = False
    release: ReleaseFacts | None = None
    stone: ReleaseFacts | None = None

    def __post_init__(self) -> None:
        for field in ("product", "name", "group"):
            if not is_name(value := getattr(self, field)):
                raise InvalidError(f"{field}: expected a name of {NAME_RULE}, got {str(value)[:60]!r}")
        for field, lowest, highest in _BOUNDS:
            if not lowest <= (number := getattr(self, field)) <= highest:
                raise InvalidError(f"{field}: expected {lowest} to {highest}, got {number}")
        if not 1 <= len(self.waves) <= WAVES_MOST or len(self.windows) > WINDOWS_MOST:
            raise InvalidError(f"expected 1 to {WAVES_MOST} waves and at most {WINDOWS_MOST} windows")
        if self.via is not None and self.via >= self.version:
            raise InvalidError(f"via: expected a version below {self.version}, got {self.via}")
        _check_waves(self.waves)

    @property
    def min_version(self) -> Version | None:
        """The version that must run before the release may be installed."""
        return self.release.min_version if self.release else None

    def wave(self, number: int) -> WavePlan:
        """A wave by its number, from 1."""
        return self.waves[number - 1]

    def with_facts(self, release: ReleaseFacts, stone: ReleaseFacts | None) -> Self:
        """The plan with what the manifests say."""
        return replace(self, release=release, stone=stone)

    def to_json(self) -> str:
        """Write it in the one form that ``from_json`` takes."""
        fields: dict[str, object] = {
            "product": self.product,
            "name": self.name,
            "version": str(self.version),
            "group": self.group,
            "waves": [wave.to_fields() for wave in self.waves],
            "max_in_flight": self.max_in_flight,
            "forced": self.forced,
            "windows": [str(window) for window in self.windows],
            "retries": self.retries,
            "answer_within_s": self.answer_within_s,
            "priority": self.priority,
            "stays_open": self.stays_open,
        }
        if self.starts_at is not None:
            fields["starts_at"] = format_time(self.starts_at)
        if self.via is not None:
            fields["via"] = str(self.via)
        if self.release is not None:
            fields["release"] = self.release.to_fields()
        if self.stone is not None:
            fields["stone"] = self.stone.to_fields()
        return canonical_json(fields).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a plan strictly.

        Raises:
            InvalidError: it is not one.
        """
        data = text.encode()
        value = parse_canonical_json(data, max_bytes=_MAX_BYTES, what="plan", error=InvalidError)
        fields = Fields(value, "plan", InvalidError)
        plan = cls(
            product=fields.name("product"),
            name=fields.name("name"),
            version=fields.parsed("version", Version.parse),
            group=fields.name("group"),
            waves=tuple(map(WavePlan.read, fields.tables("waves", most=WAVES_MOST))),
            max_in_flight=fields.integer("max_in_flight"),
            forced=fields.flag("forced"),
            starts_at=fields.given("starts_at", fields.time, None),
            windows=_windows(fields),
            via=fields.given("via", lambda name: fields.parsed(name, Version.parse), None),
            retries=fields.integer("retries"),
            answer_within_s=fields.integer("answer_within_s"),
            priority=fields.integer("priority", lowest=-PRIORITY_MOST),
            stays_open=fields.flag("stays_open"),
            release=_facts(fields, "release"),
            stone=_facts(fields, "stone"),
        )
        fields.finish()
        return plan


_BOUNDS: Final = (
    ("max_in_flight", 1, IN_FLIGHT_MOST),
    ("retries", 0, RETRIES_MOST),
    ("answer_within_s", ANSWER_SHORTEST_S, ANSWER_LONGEST_S),
    ("priority", -PRIORITY_MOST, PRIORITY_MOST),
)


def _facts(fields: Fields, name: str) -> ReleaseFacts | None:
    return fields.given(name, lambda name: ReleaseFacts.read(fields.table(name)), None)


def _windows(fields: Fields) -> tuple[MaintenanceWindow, ...]:
    texts = fields.texts("windows", most=WINDOWS_MOST)
    try:
        return tuple(map(MaintenanceWindow.parse, texts))
    except ValueError as e:
        raise InvalidError(f"plan: windows: {e}") from e


def _check_waves(waves: tuple[WavePlan, ...]) -> None:
    shares = [wave.amount for wave in waves if wave.kind is WaveKind.PERCENT]
    if any(later <= earlier for earlier, later in pairwise(shares)):
        raise InvalidError(
            "waves: expected rising shares, as each counts the devices of the earlier ones too, "
            f"got {', '.join(wave.takes for wave in waves)}"
        )
    if WHOLE in [wave.amount for wave in waves[:-1] if wave.kind is WaveKind.PERCENT]:
        raise InvalidError("waves: expected nothing after a wave that takes all the rest")
    named = [device for wave in waves for device in wave.devices]
    if len(set(named)) != len(named):
        raise InvalidError("waves: expected each named device in one wave")
