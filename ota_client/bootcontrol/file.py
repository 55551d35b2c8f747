"""The reference boot control: priority, tries and good flags in a durable record.

The flags are ChromeOS' and Android's (AVB A/B): the boot loader starts the slot of the highest priority
that is good or has tries left, and takes one try from a slot that is not good *before* it starts it.
A boot loader that reads the record's two copies can use it as it is; ``ota_client.testing`` has one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from ota_client.bootcontrol.control import BootStatus, SlotBoot
from ota_client.disk.record import MAX_BYTES, Record
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError, ConfigError
from ota_client.formats.strict import Fields, canonical_json, parse_canonical_json

PRIORITY_MOST: Final = 15
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class BootFlags:
    """One slot's flags. Priority 0 is never started.

    Attributes:
        arguments: kernel arguments that the boot loader adds when it starts the slot.
    """

    priority: int
    tries_left: int
    good: bool
    arguments: str = ""

    @property
    def bootable(self) -> bool:
        """Whether the boot loader would start the slot."""
        return self.priority > 0 and (self.good or self.tries_left > 0)


UNBOOTABLE: Final = BootFlags(priority=0, tries_left=0, good=False)
CONFIRMED: Final = BootFlags(priority=PRIORITY_MOST, tries_left=0, good=True)
ON_TRIAL: Final = BootFlags(priority=PRIORITY_MOST, tries_left=TRIES, good=False)


@dataclass(frozen=True, slots=True)
class FileSettings:
    """The settings of the ``file`` boot control.

    Attributes:
        record: the boot record; its two copies are ``<record>.0`` and ``<record>.1``.
    """

    record: Path

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:  # noqa: ARG003 a protocol
        """Take these settings from the ``[boot]`` table."""
        return cls(record=path("record"))

    def open(
        self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str]
    ) -> "FileBootControl":
        """Make the boot control."""
        record = Record(storage, str(self.record), way_out="provision the boot record again")
        return FileBootControl(record, slots, booted)


class FileBootControl:
    """Boot control over a durable record.

    Args:
        record: holds the flags of all slots, so that a transition is one write.
        slots: the names of the device's slots.
        booted: tells the slot that is running, such as from the kernel's command line.
    """

    def __init__(self, record: Record, slots: tuple[str, ...], booted: Callable[[], str]) -> None:
        self._record = record
        self._slots = slots
        self._booted = booted

    def provision(self, booted: str) -> None:
        """Write the flags of a device that leaves the factory: what runs is good, nothing else."""
        if self._record.exists():
            raise ConfigError(
                f"{self._record.path}: expected no boot record yet, got one; remove it first"
            )
        self._save({slot: CONFIRMED if slot == booted else UNBOOTABLE for slot in self._slots})

    def flags(self) -> dict[str, BootFlags]:
        """Read all slots' flags."""
        data = self._record.read()
        if data is None:
            raise BootControlError("boot record: expected one, got none; provision the device first")
        value = parse_canonical_json(
            data, max_bytes=MAX_BYTES, what="boot record", error=BootControlError
        )
        table = Fields(value, "boot record", BootControlError)
        return {name: _flags(table.table(name)) for name in table.names()}

    def next_slot(self) -> str | None:
        """The slot that the boot loader starts next, or None where none is bootable."""
        return _first(self.flags())

    def take_try(self, slot: str) -> None:
        """The boot loader's own step: one try less, before it starts a slot that is not good."""
        slots = self._with(slot)
        self._save({**slots, slot: replace(slots[slot], tries_left=slots[slot].tries_left - 1)})

    def settle(self) -> None:
        """Nothing: the boot loader counts the tries."""

    def status(self) -> BootStatus:
        """Read the boot state."""
        flags = self.flags()
        slots = {name: SlotBoot(f.bootable, f.good, f.tries_left) for name, f in flags.items()}
        return BootStatus(booted=self._booted(), primary=_first(flags), slots=slots)

    def set_unbootable(self, slot: str) -> None:
        """Never start ``slot``: it is about to be overwritten, or was found bad."""
        self._save({**self._with(slot), slot: UNBOOTABLE})

    def check_arguments(self, slot: str, arguments: str) -> None:
        """Nothing: the record takes any."""

    def activate(self, slot: str, arguments: str = "") -> None:
        """Start ``slot`` next, on trial: unconfirmed, with all its tries."""
        others = {
            name: replace(flags, priority=min(flags.priority, PRIORITY_MOST - 1))
            for name, flags in self._with(slot).items()
        }
        self._save({**others, slot: replace(ON_TRIAL, arguments=arguments)})

    def mark_good(self, slot: str) -> None:
        """Confirm ``slot``: start it for as long as nothing else is activated."""
        slots = self._with(slot)
        # a slot whose last try is running has priority still; one that was marked bad does not
        good = replace(slots[slot], priority=max(slots[slot].priority, 1), tries_left=0, good=True)
        self._save({**slots, slot: good})

    def _with(self, slot: str) -> dict[str, BootFlags]:
        """All slots' flags, ``slot`` among them."""
        flags = self.flags()
        if slot not in flags:
            raise BootControlError(f"boot record: expected slot {slot}, got {', '.join(sorted(flags))}")
        return flags

    def _save(self, slots: dict[str, BootFlags]) -> None:
        self._record.write(canonical_json({name: _to_fields(flags) for name, flags in slots.items()}))


def _first(slots: dict[str, BootFlags]) -> str | None:
    bootable = [(flags.priority, slot) for slot, flags in slots.items() if flags.bootable]
    return max(bootable)[1] if bootable else None


def _to_fields(flags: BootFlags) -> dict[str, object]:
    value: dict[str, object] = {
        "priority": flags.priority,
        "tries_left": flags.tries_left,
        "good": flags.good,
    }
    return {**value, "arguments": flags.arguments} if flags.arguments else value


def _flags(table: Fields) -> BootFlags:
    flags = BootFlags(
        priority=table.integer("priority", highest=PRIORITY_MOST),
        tries_left=table.integer("tries_left", highest=TRIES),
        good=table.flag("good"),
        arguments=table.given("arguments", table.text, ""),
    )
    table.finish()
    return flags
