"""The folder of boot loader entries: for each slot one that stays, and one that counts its tries.

The entry that stays, ``ratchet-A.conf``, is good if systemd-boot sees it. It is made once, and never
renamed or removed, which on FAT is no single write. The one that counts, ``ratchet-A+3.conf``, is the
trial. systemd-boot renames it before each try, to ``ratchet-A+2-1.conf`` and so on; we make it and
remove it only while it is hidden.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ota_client.bootcontrol.systemd_boot.entry import (
    HIDDEN,
    SHOWN,
    BootEntry,
    is_shown,
    read_pairs,
)
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError

_LONGEST: Final = 64 * 1024
_NAME: Final = re.compile(
    r"ratchet-([A-Za-z0-9_]{1,32})(?:\+([0-9]{1,6})(?:-([0-9]{1,6}))?)?\.conf", re.ASCII
)
WAY_OUT: Final = "remove the ratchet-*.conf files, and provision the device from a slot known to be good"


@dataclass(frozen=True, slots=True)
class EntryFile:
    """One file.

    Attributes:
        path: where it is.
        slot: what it starts.
        tries_left: of a trial; None for the entry that stays.
        shown: whether systemd-boot sees it.
        entry: its content; None where that is damaged, and hidden.
    """

    path: str
    slot: str
    tries_left: int | None
    shown: bool
    entry: BootEntry | None

    @property
    def version(self) -> int:
        """The entry's version; 0 where it is damaged."""
        return self.entry.version if self.entry else 0


class BootEntries:
    """The entries of a device's slots.

    Args:
        storage: the disk.
        folder: ``loader/entries`` on the EFI system partition, or on the extended one.
    """

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage = storage
        self._folder = folder

    def read(self) -> tuple[EntryFile, ...]:
        """All entries of ours.

        Raises:
            BootControlError: systemd-boot would start one that is not as Ratchet writes it.
            StorageError: the folder cannot be read.
        """
        matches = map(_NAME.fullmatch, self._storage.names(str(self._folder)))
        return tuple(self._read(match) for match in matches if match)

    def _read(self, match: re.Match[str]) -> EntryFile:
        path = str(self._folder / match[0])
        data = self._get(path)
        shown, entry = is_shown(data), BootEntry.unpack(data, match[1])
        if shown and entry is None:
            raise BootControlError(
                f"{path}: expected an entry as Ratchet writes it, got another; {WAY_OUT}"
            )
        return EntryFile(path, match[1], int(match[2]) if match[2] else None, shown, entry)

    def foreign(self) -> Iterator[tuple[str, str | None]]:
        """The names of other entries, with their sort keys."""
        for name in self._storage.names(str(self._folder)):
            if name.lower().endswith(".conf") and not _NAME.fullmatch(name):
                yield name, dict(read_pairs(self._get(str(self._folder / name)))).get("sort-key")

    def default(self) -> str | None:
        """What ``loader.conf`` names to be started in place of the first entry."""
        path = str(self._folder.parent / "loader.conf")
        keys = dict(read_pairs(self._get(path))) if self._storage.exists(path) else {}
        return keys.get("preferred", keys.get("default"))

    def create(self, slot: str, entry: BootEntry, *, tries: int | None = None) -> EntryFile:
        """Make a file, hidden.

        Args:
            slot: what it starts.
            entry: its content.
            tries: of a trial; None for the entry that stays.
        """
        counter = "" if tries is None else f"+{tries}"
        path = str(self._folder / f"ratchet-{slot}{counter}.conf")
        self._storage.create(path, entry.pack(shown=False))
        return EntryFile(path, slot, tries, shown=False, entry=entry)

    def show(self, file: EntryFile) -> None:
        """Let systemd-boot see an entry: one byte, durable."""
        self._put(file.path, b"" if file.shown else SHOWN)

    def hide(self, file: EntryFile) -> None:
        """Hide an entry from systemd-boot: one byte, durable."""
        self._put(file.path, HIDDEN if file.shown else b"")

    def rewrite(self, file: EntryFile, entry: BootEntry) -> None:
        """Give a hidden file other content; it stays hidden.

        Raises:
            BootControlError: systemd-boot sees it, and might read half of it.
        """
        if file.shown:
            raise BootControlError(f"{file.path}: expected a hidden entry to rewrite, got one in use")
        self._put(file.path, b"" if file.entry == entry else entry.pack(shown=False))

    def remove(self, file: EntryFile) -> None:
        """Remove a file, durably; hide it first."""
        self._storage.remove(file.path)
        self._storage.sync_name(file.path)

    def _get(self, path: str) -> bytes:
        with self._storage.open(path, writable=False) as file:
            data = file.read_at(0, _LONGEST + 1)
        if len(data) > _LONGEST:
            raise BootControlError(f"{path}: expected at most {_LONGEST} bytes, got more; {WAY_OUT}")
        return data

    def _put(self, path: str, data: bytes) -> None:
        with self._storage.open(path, writable=True) as file:
            if data:
                file.write_at(0, data)
            # also what a killed agent wrote, and did not live to make durable (D01)
            file.sync()
