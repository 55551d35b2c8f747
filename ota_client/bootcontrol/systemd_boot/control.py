"""systemd-boot: entries of the Boot Loader Specification, with its boot counting."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ota_client.bootcontrol.control import BootStatus, SlotBoot
from ota_client.bootcontrol.systemd_boot.entries import WAY_OUT, BootEntries, EntryFile
from ota_client.bootcontrol.systemd_boot.entry import SORT_KEY, EntryTemplate
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError, ConfigError
from ota_client.formats.strict import Fields

TRIES: Final = 3
# FAT does not tell A from a, and '+' and '-' belong to the counters
_SLOT: Final = re.compile(r"[A-Za-z0-9_]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SystemdBootSettings:
    """The settings of the ``systemd-boot`` boot control.

    Attributes:
        folder: the boot loader's entries, such as ``/efi/loader/entries``.
        entry: what every slot's entry says.
    """

    folder: Path
    entry: EntryTemplate

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:
        """Take these settings from the ``[boot]`` table."""
        return cls(folder=path("folder"), entry=table.parsed("entry", EntryTemplate.parse))

    def open(
        self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str]
    ) -> "SystemdBootControl":
        """Make the boot control.

        Raises:
            ConfigError: slots have names that make no file's name on FAT.
        """
        if not all(map(_SLOT.fullmatch, slots)) or len({slot.lower() for slot in slots}) < len(slots):
            raise ConfigError(
                "slots: expected names of at most 32 letters, digits and '_' that differ by more than "
                f"upper and lower case, got {', '.join(slots)[:80]!r}"
            )
        return SystemdBootControl(BootEntries(storage, self.folder), self.entry, slots, booted)


class SystemdBootControl:
    """Boot control of a device that starts by systemd-boot.

    Args:
        entries: what systemd-boot reads.
        template: of each slot's entry.
        slots: the names of the device's slots.
        booted: tells the slot that is running, from the kernel's command line.
    """

    def __init__(
        self,
        entries: BootEntries,
        template: EntryTemplate,
        slots: tuple[str, ...],
        booted: Callable[[], str],
    ) -> None:
        self._entries = entries
        self._template = template
        self._slots = slots
        self._booted = booted

    def provision(self, booted: str) -> None:
        """Make the entries that stay: what runs is good, nothing else."""
        if found := self._entries.read():
            raise ConfigError(f"{found[0].path}: expected no entry of Ratchet's yet, got one; remove it")
        self.check_order()
        for slot in sorted(self._slots, key=lambda slot: slot == booted):
            running = slot == booted
            file = self._entries.create(slot, self._template.fill(slot, version=1 if running else 0))
            if running:
                self._entries.show(file)

    def check_order(self) -> None:
        """Check that nothing is started before the slots' entries.

        Raises:
            ConfigError: ``loader.conf`` or another entry overrules their order.
        """
        default = self._entries.default()
        if default is not None:
            raise ConfigError(
                f"loader.conf: expected no default, which overrules the order of entries, got "
                f"{default[:80]!r}"
            )
        for name, sort_key in self._entries.foreign():
            if sort_key is not None and sort_key <= SORT_KEY:
                raise ConfigError(
                    f"{name}: expected no sort-key before {SORT_KEY}, got {sort_key[:80]!r}; "
                    "systemd-boot would start this entry in place of a slot"
                )

    def settle(self) -> None:
        """Nothing: systemd-boot counts the tries."""

    def status(self) -> BootStatus:
        """Read the boot state."""
        files = self._read()
        slots = {slot: _slot(_of(files, slot)) for slot in self._slots}
        return BootStatus(booted=self._booted(), primary=_first(files), slots=slots)

    def set_unbootable(self, slot: str) -> None:
        """Never start ``slot``: it is about to be overwritten, or was found bad."""
        for file in self._files(slot):
            self._entries.hide(file)

    def check_arguments(self, slot: str, arguments: str) -> None:
        """Refuse kernel arguments that are no words, or that the entry has no room for."""
        self._template.fill(slot, 1, arguments)

    def activate(self, slot: str, arguments: str = "") -> None:
        """Start ``slot`` next, on trial: unconfirmed, with all its tries."""
        version = 1 + max(file.version for file in self._read())
        entry = self._template.fill(slot, version, arguments)
        self.set_unbootable(slot)
        for file in self._files(slot):
            if file.tries_left is not None:
                self._entries.remove(file)
        self._entries.show(self._entries.create(slot, entry, tries=TRIES))

    def mark_good(self, slot: str) -> None:
        """Confirm ``slot``: start it for as long as nothing else is activated."""
        files = self._files(slot)
        trials = [file for file in files if file.tries_left is not None]
        stays = next(file for file in files if file.tries_left is None)
        newest = max(files, key=lambda file: file.version).entry
        if newest is None:
            raise BootControlError(f"{stays.path}: expected an entry, got a damaged one; {WAY_OUT}")
        if not stays.shown:
            self._entries.rewrite(stays, newest)
        self._entries.show(stays)
        # both are seen for a moment, and start the same slot
        for file in trials:
            self._entries.hide(file)

    def _files(self, slot: str) -> tuple[EntryFile, ...]:
        if slot not in self._slots:
            raise BootControlError(f"expected a slot of {', '.join(self._slots)}, got {slot}")
        return _of(self._read(), slot)

    def _read(self) -> tuple[EntryFile, ...]:
        files = self._entries.read()
        found = {file.slot for file in files if file.tries_left is None}
        if found != set(self._slots) or {file.slot for file in files} != found:
            raise BootControlError(
                f"boot entries: expected those of {', '.join(self._slots)}, got those of "
                f"{', '.join(sorted(found)) or 'no slot'}; provision the device first"
            )
        return files


def _of(files: tuple[EntryFile, ...], slot: str) -> tuple[EntryFile, ...]:
    return tuple(file for file in files if file.slot == slot)


def _bootable(file: EntryFile) -> bool:
    return file.shown and file.tries_left != 0


def _slot(files: tuple[EntryFile, ...]) -> SlotBoot:
    good = any(file.shown and file.tries_left is None for file in files)
    left = 0 if good else max((file.tries_left or 0 for file in files if file.shown), default=0)
    return SlotBoot(bootable=good or left > 0, good=good, tries_left=left)


def _first(files: tuple[EntryFile, ...]) -> str | None:
    bootable = [file for file in files if _bootable(file)]
    return max(bootable, key=lambda file: file.version).slot if bootable else None
