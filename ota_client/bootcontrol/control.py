"""The words that every boot control understands (RAUC's: booted, primary, good, bad)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from ota_client.disk.storage import Storage
from ota_client.formats.strict import Fields


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
    """Slot transitions as verbs. Each becomes effective by ONE atomic and durable write.

    Every verb raises ``BootControlError`` when the boot state is not what it must be, and
    ``StorageError`` when it cannot be read or written.
    """

    def provision(self, booted: str) -> None:
        """Write the boot state of a device that leaves the factory: what runs is good, nothing else.

        Raises:
            ConfigError: there is a boot state already.
        """

    def settle(self) -> None:
        """Do what this boot loader leaves to user space, such as counting or renewing tries.

        Called under the device's lock at the start of every action but status; may be called often.
        """

    def status(self) -> BootStatus:
        """Read the boot state; writes nothing."""

    def set_unbootable(self, slot: str) -> None:
        """Never start ``slot``: it is about to be overwritten, or was found bad."""

    def check_arguments(self, slot: str, arguments: str) -> None:
        """Refuse kernel arguments that ``activate`` would refuse, before anything is downloaded.

        Raises:
            BootControlError: this boot loader cannot pass them to ``slot``.
        """

    def activate(self, slot: str, arguments: str = "") -> None:
        """Start ``slot`` next, on trial: unconfirmed, with all its tries.

        Args:
            slot: the slot.
            arguments: kernel arguments that the boot loader adds whenever it starts this slot, until
                it is activated again: words of printable ASCII, such as a dm-verity root hash.

        Raises:
            BootControlError: this boot loader can pass none, and there are some.
        """

    def mark_good(self, slot: str) -> None:
        """Confirm ``slot``: start it for as long as nothing else is activated."""


class LoaderSettings(Protocol):
    """One boot loader's settings, from the ``[boot]`` table; each back end has its own."""

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:
        """Take this boot loader's settings from the table.

        Args:
            table: the table; whoever calls finishes it.
            path: takes a path from it, relative ones from the settings file's folder.

        Raises:
            ConfigError: a setting is missing or wrong.
        """

    def open(self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str]) -> BootControl:
        """Make the boot control.

        Args:
            storage: the disk.
            slots: the names of the device's slots.
            booted: tells the slot that is running, for boot loaders that do not tell it themselves.
        """


@runtime_checkable
class TellsRunningSlot(Protocol):
    """Settings of a boot loader that tells by itself which slot is running."""

    def running(self, storage: Storage) -> str | None:
        """The slot that is running; None where this device's boot loader does not tell.

        Raises:
            BootControlError: what it tells is no slot.
            StorageError: it cannot be read.
        """
