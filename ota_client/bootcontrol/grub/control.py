"""GRUB: the state in two checksummed copies, read by the fragment ``integration/grub/ratchet.cfg``."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ota_client.bootcontrol.control import BootStatus, SlotBoot
from ota_client.bootcontrol.grub.files import GrubFiles
from ota_client.bootcontrol.grub.state import NO_TRIAL, Entry, GrubState, Standing, check_arguments
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError, ConfigError
from ota_client.formats.strict import Fields

_SLOTS: Final = 2
# the name becomes a word of the kernel's command line
_SLOT_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class GrubSettings:
    """The settings of the ``grub`` boot control.

    Attributes:
        folder: where GRUB reads the state, such as ``/boot/grub``.
    """

    folder: Path

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:  # noqa: ARG003 a protocol
        """Take these settings from the ``[boot]`` table."""
        return cls(folder=path("folder"))

    def open(
        self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str]
    ) -> "GrubBootControl":
        """Make the boot control.

        Raises:
            ConfigError: the slots are not two, or have names that are no words of a command line.
        """
        if len(slots) != _SLOTS or not all(map(_SLOT_NAME.fullmatch, slots)):
            raise ConfigError(
                "slots: expected two for GRUB, with names of at most 32 letters, digits, '.', '_' and "
                f"'-', got {', '.join(slots)[:80]!r}"
            )
        return GrubBootControl(GrubFiles(storage, self.folder), slots, booted)


class GrubBootControl:
    """Boot control of a device that starts by GRUB.

    Args:
        files: what GRUB reads and writes.
        slots: the names of the device's two slots.
        booted: tells the slot that is running, from the kernel's command line.
    """

    def __init__(self, files: GrubFiles, slots: tuple[str, ...], booted: Callable[[], str]) -> None:
        self._files = files
        self._slots = slots
        self._booted = booted

    def provision(self, booted: str) -> None:
        """Make the files of a device that leaves the factory: what runs is good, nothing else."""
        other = next(slot for slot in self._slots if slot != booted)
        first, second = Entry(booted, Standing.GOOD), Entry(other, Standing.BAD)
        self._files.create(GrubState(1, NO_TRIAL, first, second))

    def settle(self) -> None:
        """Make GRUB's count of tries durable, before anything is built on it."""
        self._files.sync_tries()

    def status(self) -> BootStatus:
        """Read the boot state."""
        state = self._known(self._files.read())
        slots = {entry.slot: self._slot(entry, state.trial) for entry in state.entries}
        primary = next((entry.slot for entry in state.entries if slots[entry.slot].bootable), None)
        return BootStatus(booted=self._booted(), primary=primary, slots=slots)

    def set_unbootable(self, slot: str) -> None:
        """Never start ``slot``: it is about to be overwritten, or was found bad."""
        self._change(slot, lambda state: state.set_unbootable(slot))

    def check_arguments(self, slot: str, arguments: str) -> None:  # noqa: ARG002 a protocol
        """Refuse kernel arguments that GRUB would change."""
        check_arguments(arguments)

    def activate(self, slot: str, arguments: str = "") -> None:
        """Start ``slot`` next, on trial: unconfirmed, with all its tries."""
        self._files.mend_tries(self._files.settled().trial)
        self._change(slot, lambda state: state.activate(slot, arguments))

    def mark_good(self, slot: str) -> None:
        """Confirm ``slot``: start it for as long as nothing else is activated."""
        self._change(slot, lambda state: state.mark_good(slot))

    def _slot(self, entry: Entry, trial: int) -> SlotBoot:
        good = entry.standing is Standing.GOOD
        left = self._files.tries_left(trial) if entry.standing is Standing.TRIAL else 0
        return SlotBoot(bootable=good or left > 0, good=good, tries_left=left)

    def _change(self, slot: str, transition: Callable[[GrubState], GrubState]) -> None:
        if slot not in self._slots:
            raise BootControlError(f"expected a slot of {', '.join(self._slots)}, got {slot}")
        before = self._known(self._files.settled())
        after = transition(before)
        if after != before:
            self._files.write(after)

    def _known(self, state: GrubState) -> GrubState:
        found = {entry.slot for entry in state.entries}
        if found != set(self._slots):
            raise BootControlError(
                f"GRUB environment: expected the slots {', '.join(self._slots)}, got "
                f"{', '.join(sorted(found))[:80]!r}"
            )
        return state
