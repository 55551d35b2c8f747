"""What the device remembers across power cuts: the trust floor, what each slot holds, bad releases."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from ota_client.disk.record import MAX_BYTES, Record
from ota_client.errors import StateCorruptError
from ota_client.formats.strict import Fields, canonical_json, format_time, parse_canonical_json
from ota_client.formats.version import Version
from ota_client.rollback import ROLE_KEYS_MOST, ROLE_VERSION_MOST, RoleFloor, TrustFloor

FORMAT: Final = "ratchet-state/1"
BAD_RELEASES_MOST: Final = 16


@dataclass(frozen=True, slots=True)
class SlotContent:
    """What a slot holds, as its installation recorded it.

    Attributes:
        sha256: of the release's manifest; empty for what the factory put there.
        complete: whether it was written, read back and found right; False while it is being written.
    """

    version: Version
    rollback_index: int
    sha256: str
    complete: bool


@dataclass(frozen=True, slots=True)
class BadRelease:
    """A release that this device fell back from."""

    version: Version
    sha256: str


@dataclass(frozen=True, slots=True)
class DeviceState:
    """One device's memory.

    Attributes:
        trust_floor: the oldest metadata that is still accepted.
        slots: by slot, what is known of its content.
        trial: the slot that was activated and is not confirmed yet.
        offered: the manifest (sha256) of the release that the last check offered.
        bad_releases: those this device fell back from, oldest first; not fetched again (D12).
    """

    trust_floor: TrustFloor = field(default_factory=TrustFloor)
    slots: Mapping[str, SlotContent] = field(default_factory=dict)
    trial: str | None = None
    offered: str | None = None
    bad_releases: tuple[BadRelease, ...] = ()

    def with_slot(self, slot: str, content: SlotContent) -> "DeviceState":
        """The state after ``slot`` received ``content``."""
        return replace(self, slots={**self.slots, slot: content})

    def with_bad_release(self, failed: SlotContent) -> "DeviceState":
        """The state after falling back from a release; the oldest entries make room."""
        bad = BadRelease(failed.version, failed.sha256)
        known = [other for other in self.bad_releases if other != bad]
        return replace(self, bad_releases=(*known, bad)[-BAD_RELEASES_MOST:])

    def to_bytes(self) -> bytes:
        """Write the state as canonical JSON."""
        floor = self.trust_floor
        value: dict[str, object] = {
            "format": FORMAT,
            "roles": {
                name: {"version": role.version, "key_ids": list(role.key_ids)}
                for name, role in floor.roles.items()
            },
            "slots": {name: _slot_fields(content) for name, content in self.slots.items()},
            "bad_releases": [
                {"version": str(bad.version), "sha256": bad.sha256} for bad in self.bad_releases
            ],
        }
        if floor.signed_at is not None:
            value["signed_at"] = format_time(floor.signed_at)
        optional = {"trial": self.trial, "offered": self.offered}
        value |= {name: text for name, text in optional.items() if text is not None}
        return canonical_json(value)

    @classmethod
    def from_bytes(cls, data: bytes) -> "DeviceState":
        """Read a state strictly.

        Raises:
            StateCorruptError: it is not one that ``to_bytes`` wrote.
        """
        what = "device state"
        value = parse_canonical_json(data, max_bytes=MAX_BYTES, what=what, error=StateCorruptError)
        fields = Fields(value, what, StateCorruptError)
        form = fields.text("format")
        if form != FORMAT:
            fields.fail("format", FORMAT, form)
        state = cls(
            trust_floor=TrustFloor(_roles(fields.table("roles")), _signed_at(fields)),
            slots=_slots(fields.table("slots")),
            trial=_optional_text(fields, "trial"),
            offered=_optional_text(fields, "offered"),
            bad_releases=tuple(map(_bad_release, fields.tables("bad_releases", most=BAD_RELEASES_MOST))),
        )
        fields.finish()
        return state


class StateStore:
    """Keeps the state in a durable record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def load(self) -> DeviceState:
        """The state last saved, or a new device's.

        Raises:
            StateCorruptError: both copies are damaged.
            StorageError: the disk does not let itself be read.
        """
        data = self._record.read()
        return DeviceState() if data is None else DeviceState.from_bytes(data)

    def save(self, state: DeviceState) -> None:
        """Make ``state`` durable; raises as ``load`` does."""
        data = state.to_bytes()
        # what the next start could not read is never written
        DeviceState.from_bytes(data)
        self._record.write(data)


def _optional_text(fields: Fields, name: str) -> str | None:
    return fields.text(name) if fields.has(name) else None


def _signed_at(fields: Fields) -> datetime | None:
    return fields.time("signed_at") if fields.has("signed_at") else None


def _bad_release(table: Fields) -> BadRelease:
    bad = BadRelease(table.parsed("version", Version.parse), table.text("sha256"))
    table.finish()
    return bad


def _roles(table: Fields) -> dict[str, RoleFloor]:
    roles = {}
    for name in table.names():
        role = table.table(name)
        version = role.integer("version", highest=ROLE_VERSION_MOST)
        roles[name] = RoleFloor(version, role.texts("key_ids", most=ROLE_KEYS_MOST))
        role.finish()
    return roles


def _slots(table: Fields) -> dict[str, SlotContent]:
    slots = {}
    for name in table.names():
        slot = table.table(name)
        slots[name] = SlotContent(
            version=slot.parsed("version", Version.parse),
            rollback_index=slot.integer("rollback_index"),
            sha256=slot.text("sha256"),
            complete=slot.flag("complete"),
        )
        slot.finish()
    return slots


def _slot_fields(content: SlotContent) -> dict[str, object]:
    return {
        "version": str(content.version),
        "rollback_index": content.rollback_index,
        "sha256": content.sha256,
        "complete": content.complete,
    }
