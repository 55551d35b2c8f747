"""Where U-Boot's environment lies: the lines of ``/etc/fw_env.config``, which fw_printenv reads too."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NoReturn, Self

from ota_client.errors import ConfigError

# U-Boot's own limits are the flash's; ours keep a slip from reading a whole disk into memory
_SMALLEST: Final = 256
_LARGEST: Final = 1024 * 1024
_FIELDS_MOST: Final = 5
# libubootenv takes a size without 0x as hexadecimal and an offset as decimal: neither is guessed here
_NUMBER: Final = re.compile(r"-?0[xX][0-9a-fA-F]{1,15}|0", re.ASCII)
_NEEDS_ERASE: Final = re.compile(r"/dev/(?:mtd\d+(?:ro)?|ubi\w+(?::.*)?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Location:
    """Where one copy of the environment lies.

    Attributes:
        device: a block device or a file.
        offset: of the copy's first byte; below zero, from the device's end.
        size_bytes: of the copy, checksum included.
        sector_bytes: what the medium erases at a time; no other copy may lie in there.
    """

    device: str
    offset: int
    size_bytes: int
    sector_bytes: int

    def __str__(self) -> str:
        return f"{self.device} {self.offset:#x}"

    @classmethod
    def parse(cls, line: str, where: str) -> Self:
        """Read a line: device, offset, size, and perhaps the sector's size and count.

        Args:
            line: the line.
            where: its name in errors.

        Raises:
            ConfigError: it is not of that form.
        """
        device, *numbers = line.split()
        if not 2 <= len(numbers) < _FIELDS_MOST:  # noqa: PLR2004 offset and size
            _fail(where, "DEVICE OFFSET SIZE [SECTOR_SIZE [SECTORS]]", line)
        if not device.isprintable():
            _fail(where, "the path of a device", device)
        if _NEEDS_ERASE.fullmatch(device):
            _fail(
                where, "a block device or a file, such as /dev/mtdblock0 in place of /dev/mtd0", device
            )
        # the count of sectors says how far bad blocks may push a copy: on what is supported, never
        offset, size, *sector = (_number(text, where) for text in numbers[:3])
        if not _SMALLEST <= size <= _LARGEST:
            _fail(where, f"a size from {_SMALLEST:#x} to {_LARGEST:#x}", hex(size))
        if any(number < 0 for number in sector):
            _fail(where, "a sector's size above zero", line)
        return cls(device, offset, size, sector[0] if sector else 0)

    def start(self, device_bytes: int) -> int:
        """The first byte's place on a device of this size."""
        return self.offset if self.offset >= 0 else max(0, device_bytes + self.offset)

    def resolved(self) -> "Location":
        """The device itself, where ``device`` is a link to it, such as one below /dev/disk."""
        return replace(self, device=os.path.realpath(self.device))

    def overlaps(self, other: "Location") -> bool:
        """Whether a write of one copy, with the sectors it erases, touches the other."""
        if self.device != other.device or (self.offset < 0) != (other.offset < 0):
            return False
        return self.first < other.last and other.first < self.last

    @property
    def first(self) -> int:
        """The first byte that a write erases."""
        sector = self.sector_bytes or 1
        return self.offset // sector * sector

    @property
    def last(self) -> int:
        """The byte after the last that a write erases."""
        sector = self.sector_bytes or 1
        return -(-(self.offset + self.size_bytes) // sector) * sector


def parse_lines(lines: Iterable[str], where: str, *, copies: int) -> tuple[Location, ...]:
    """Read the lines of ``fw_env.config``; empty lines and comments are skipped.

    Args:
        lines: the lines.
        where: their file's or setting's name.
        copies: how many copies of the environment there must be.

    Raises:
        ConfigError: they are not of that form, or the copies cannot be told apart.
    """
    kept = [text for line in lines if (text := line.partition("#")[0].strip())]
    if len(kept) != copies:
        _fail(where, f"{copies} copies of U-Boot's environment, a line each", f"{len(kept)} lines")
    found = tuple(Location.parse(text, where).resolved() for text in kept)
    if len({location.size_bytes for location in found}) > 1:
        _fail(where, "two copies of one size", " and ".join(hex(f.size_bytes) for f in found))
    if copies > 1 and found[0].overlaps(found[1]):
        _fail(where, "two copies that share no sector", " and ".join(map(str, found)))
    return found


def _number(text: str, where: str) -> int:
    if not _NUMBER.fullmatch(text):
        _fail(where, "hexadecimal numbers such as 0x4000", text)
    return int(text, 16)


def _fail(where: str, expected: str, got: str) -> NoReturn:
    raise ConfigError(f"{where}: expected {expected}, got {got[:80]!r}")
