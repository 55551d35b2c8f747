"""``autoboot.txt``: the partition that a Raspberry Pi starts, and the one it tries once when told to.

https://www.raspberrypi.com/documentation/computers/config_txt.html#autoboot-txt
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError

# the most that the boot loader reads, and one sector: the medium writes it wholly or not at all
SIZE_BYTES: Final = 512
_LINE: Final = re.compile(r"\[(all|tryboot|none)\]|(boot_partition|tryboot_a_b)=(\d{1,3})", re.ASCII)
_WAY_OUT: Final = "write it anew from integration/raspberry-pi/autoboot.txt"


@dataclass(frozen=True, slots=True)
class Autoboot:
    """What the boot loader is told.

    Attributes:
        default: the partition that it starts.
        tryboot: the partition that it starts after ``reboot "0 tryboot"``, that one time.
    """

    default: int
    tryboot: int

    def to_bytes(self) -> bytes:
        """Write the file, always of the same length, so that FAT's own records stay as they are."""
        text = (
            f"[all]\ntryboot_a_b=1\nboot_partition={self.default}\n"
            f"[tryboot]\nboot_partition={self.tryboot}\n"
        )
        return text.encode().ljust(SIZE_BYTES, b"\n")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the file as the boot loader does, but refuse what a rewrite would lose.

        Raises:
            BootControlError: it is longer than the boot loader reads, or says something else.
        """
        if len(data) > SIZE_BYTES:
            raise BootControlError(
                f"autoboot.txt: expected at most {SIZE_BYTES} bytes, got more; {_WAY_OUT}"
            )
        default: dict[str, int] = {}
        tryboot: dict[str, int] = {}
        for filtered, name, value in _settings(data):
            if filtered == "all":
                default[name] = value
            if filtered != "none":
                tryboot[name] = value
        if default.get("tryboot_a_b") != 1 or tryboot.get("tryboot_a_b") != 1:
            raise BootControlError(
                "autoboot.txt: expected tryboot_a_b=1 below [all], got none; without it the boot loader "
                f"would look for tryboot.txt; {_WAY_OUT}"
            )
        if not default.get("boot_partition"):
            raise BootControlError(
                f"autoboot.txt: expected boot_partition=2 or so, got none; {_WAY_OUT}"
            )
        return cls(default["boot_partition"], tryboot["boot_partition"])


def _settings(data: bytes) -> Iterator[tuple[str, str, int]]:
    """Each setting, with the filter that it stands below."""
    filtered = "all"
    for raw in data.split(b"\n"):
        line = raw.decode("ascii", errors="replace").strip(" \t\r")
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise BootControlError(
                "autoboot.txt: expected [all], [tryboot], boot_partition and tryboot_a_b, got "
                f"{ascii(line)[:80]}; {_WAY_OUT}"
            )
        if match[1]:
            filtered = match[1]
        else:
            yield filtered, match[2], int(match[3])


class AutobootFile:
    """The file on the first FAT partition; rewritten in place, as FAT's rename is not atomic."""

    def __init__(self, storage: Storage, path: str) -> None:
        self._storage = storage
        self._path = path

    def load(self) -> Autoboot:
        """Read it.

        Raises:
            BootControlError: it is not what ``save`` or the factory wrote.
            StorageError: it cannot be read.
        """
        with self._storage.open(self._path, writable=False) as file:
            data = file.read_at(0, SIZE_BYTES + 1)
        if len(data) < SIZE_BYTES:
            raise BootControlError(
                f"{self._path}: expected {SIZE_BYTES} bytes, which are rewritten in place, got "
                f"{len(data)}; {_WAY_OUT}"
            )
        return Autoboot.from_bytes(data)

    def save(self, autoboot: Autoboot) -> None:
        """Replace the content by one write of one sector, and make it durable.

        Raises:
            StorageError: it cannot be written.
        """
        with self._storage.open(self._path, writable=True) as file:
            if file.read_at(0, SIZE_BYTES) != autoboot.to_bytes():
                file.write_at(0, autoboot.to_bytes())
            # what was there already may be in the page cache of a killed agent alone
            file.sync()
