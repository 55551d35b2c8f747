"""Block devices as the kernel shows them in /sys (sysfs-block)."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ota_client.doctor.system import System

_SECTOR_BYTES: Final = 512  # the unit of sysfs, whatever the medium's


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """A disk, a partition or a mapped device.

    Attributes:
        number: ``major:minor``.
        disk: the disk it is a part of, or itself.
        start_bytes: where on the disk it begins.
    """

    name: str
    number: str
    disk: str
    start_bytes: int
    size_bytes: int

    @property
    def end_bytes(self) -> int:
        """Where on the disk it ends."""
        return self.start_bytes + self.size_bytes


def block_device_at(system: System, path: str) -> BlockDevice | None:
    """The block device behind a path such as ``/dev/disk/by-partlabel/slotA``; None if it is none."""
    real = Path(os.path.realpath(path))
    if real.parent != Path(os.path.realpath(system.dev)):
        return None
    entry = system.sys / "class" / "block" / real.name
    return _read(entry) if (entry / "dev").exists() else None


def numbers_below(system: System, number: str) -> frozenset[str]:
    """A device and all those that it is mapped onto, such as those below dm-verity."""
    below = {number}
    slaves = system.sys / "dev" / "block" / number / "slaves"
    for slave in slaves.iterdir() if slaves.is_dir() else ():
        below |= numbers_below(system, _text(system.sys / "class" / "block" / slave.name / "dev"))
    return frozenset(below)


def _read(entry: Path) -> BlockDevice:
    is_partition = (entry / "partition").exists()
    return BlockDevice(
        name=entry.name,
        number=_text(entry / "dev"),
        disk=Path(os.path.realpath(entry)).parent.name if is_partition else entry.name,
        start_bytes=int(_text(entry / "start")) * _SECTOR_BYTES if is_partition else 0,
        size_bytes=int(_text(entry / "size")) * _SECTOR_BYTES,
    )


def _text(file: Path) -> str:
    return file.read_text(encoding="ascii").strip()
