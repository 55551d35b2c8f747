"""The words that every boot control understands (RAUC's: booted, primary, good, bad)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SlotBoot:
    """What the boot loader thinks of a slot.

    Attributes:
        bootable: whether the boot loader would start it: it is good, or has tries left.
        good: whether it was confirmed.
        tries_left: how often an unconfirmed slot is still tried.
    """

    bootable: bool
    good: bool
    tries_left: int


@dataclass(frozen=True, slots=True)
class BootStatus:
    """The boot loader's view of the device.

    Attributes:
        booted: the slot that is running.
        primary: the slot that starts next; None where no slot is bootable.
        slots: by name.
    """

    booted: str
    primary: str | None
    slots: Mapping[str, SlotBoot]


class BootControl(Protocol):
    """Slot transitions as verbs. Each is ONE atomic and durable write of the boot state.

    Every verb raises ``BootControlError`` when the boot state is not what it must be, and
    ``StorageError`` when it cannot be read or written.
    """

    def status(self) -> BootStatus:
        """Read the boot state."""

    def set_unbootable(self, slot: str) -> None:
        """Never start ``slot``: it is about to be overwritten, or was found bad."""

    def activate(self, slot: str) -> None:
        """Start ``slot`` next, on trial: unconfirmed, with all its tries."""

    def mark_good(self, slot: str) -> None:
        """Confirm ``slot``: start it for as long as nothing else is activated."""
