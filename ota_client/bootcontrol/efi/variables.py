"""EFI variables through efivarfs, and those of the boot manager (UEFI specification, section 3)."""

import re
from pathlib import PurePath
from typing import Final

from ota_client.bootcontrol.efi.load_option import LoadOption
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError

GLOBAL: Final = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
# non-volatile, for boot services and at run time (section 8.2)
_ATTRIBUTES: Final = (7).to_bytes(4, "little")
_LONGEST: Final = 64 * 1024
_ENTRY: Final = re.compile(rf"Boot([0-9A-F]{{4}})-{GLOBAL}", re.ASCII | re.IGNORECASE)


class EfiVariables:
    """The variables of the firmware.

    Args:
        storage: the disk.
        folder: where efivarfs is mounted.
    """

    def __init__(self, storage: Storage, folder: PurePath) -> None:
        self._storage = storage
        self._folder = folder

    def get(self, name: str, vendor: str = GLOBAL) -> bytes | None:
        """A variable's content, None where there is none.

        Raises:
            BootControlError: it is too long, or no variable.
            StorageError: it cannot be read.
        """
        path = self._path(name, vendor)
        if not self._storage.exists(path):
            return None
        with self._storage.open(path, writable=False) as file:
            data = file.read_at(0, _LONGEST + 1)
        if not data:
            # efivarfs shows one that a killed agent began to make as an empty file
            return None
        if not len(_ATTRIBUTES) < len(data) <= _LONGEST:
            raise BootControlError(
                f"EFI variable {name}: expected 5 to {_LONGEST} bytes, got {len(data)} or more"
            )
        return data[len(_ATTRIBUTES) :]

    def put(self, name: str, content: bytes, vendor: str = GLOBAL) -> None:
        """Give a variable this content: one write, durable; none where it has it already."""
        if self.get(name, vendor) != content:
            self._storage.replace(self._path(name, vendor), _ATTRIBUTES + content)

    def remove(self, name: str) -> None:
        """Remove a variable, where there is one."""
        path = self._path(name, GLOBAL)
        if self._storage.exists(path):
            self._storage.remove(path)
            self._storage.sync_name(path)

    def number(self, name: str) -> int | None:
        """The entry that BootNext or BootCurrent names; None where it names none."""
        content = self.get(name)
        if content is None:
            return None
        if len(content) != 2:  # noqa: PLR2004 a UINT16
            raise BootControlError(f"EFI variable {name}: expected 2 bytes, got {len(content)}")
        return int.from_bytes(content, "little")

    def order(self) -> tuple[int, ...]:
        """The entries that BootOrder names."""
        content = self.get("BootOrder") or b""
        if len(content) % 2:
            raise BootControlError(
                f"EFI variable BootOrder: expected pairs of bytes, got {len(content)}"
            )
        return tuple(int.from_bytes(content[at : at + 2], "little") for at in range(0, len(content), 2))

    def entries(self) -> tuple[int, ...]:
        """The numbers of all entries."""
        matches = map(_ENTRY.fullmatch, self._storage.names(str(self._folder)))
        return tuple(int(match[1], 16) for match in matches if match)

    def entry(self, number: int) -> LoadOption:
        """One entry.

        Raises:
            BootControlError: there is none, or it is malformed.
        """
        content = self.get(entry_name(number))
        if content is None:
            raise BootControlError(f"EFI variable {entry_name(number)}: expected a boot entry, got none")
        return LoadOption.parse(content, entry_name(number))

    def _path(self, name: str, vendor: str) -> str:
        return str(self._folder / f"{name}-{vendor}")


def entry_name(number: int) -> str:
    """The name of an entry's variable."""
    return f"Boot{number:04X}"
