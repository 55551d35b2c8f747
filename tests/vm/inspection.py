"""What a switched-off device would do and what it remembers, seen from outside."""

import hashlib
import tempfile
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from vm.block_log import Medium
from vm.data_partition import Memory, read_memory
from vm.disk_image import MIB
from vm.disk_layout import DATA, ENVIRONMENT, SLOTS

from ota_client.bootcontrol import BootControl, BootStatus
from ota_client.rollback import TrustFloor


@dataclass(frozen=True, slots=True)
class Floor:
    """What a device has reached, and must never be below again.

    Attributes:
        stored_index: on the disk.
        trust: the metadata that it has trusted.
    """

    stored_index: int = 0
    trust: TrustFloor = field(default_factory=TrustFloor)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found on a disk.

    Attributes:
        boot: the boot loader's view.
        holds: by bootable slot, the version whose image fills it; None for anything else.
        memory: what the device remembers.
    """

    boot: BootStatus
    holds: Mapping[str, str | None]
    memory: Memory


Seen = TypeVar("Seen")
OpenBootControl = Callable[[Path], BootControl]
"""Opens the boot control over a folder that holds the environment partition as a file."""


class Inspector:
    """Looks at disks; what it has seen once it does not look at again.

    Args:
        open_boot_control: the project's own reader of the boot state.
        versions: by hash of a whole slot, the release that fills it.
        indexes: by release, its rollback index.
    """

    def __init__(
        self,
        open_boot_control: OpenBootControl,
        versions: Mapping[str, str],
        indexes: Mapping[str, int],
    ) -> None:
        self._open_boot_control = open_boot_control
        self._versions, self._indexes = versions, indexes
        self._slots: dict[Hashable, str | None] = {}
        self._memories: dict[Hashable, Memory] = {}
        self._boots: dict[Hashable, BootStatus] = {}

    def look(self, medium: Medium) -> Found:
        """Read everything that the next boot depends on.

        Raises:
            OtaError: the boot state or the memory cannot be read.
        """
        boot = _cached(self._boots, medium, ENVIRONMENT.offset, ENVIRONMENT.size_bytes, self._boot)
        holds = {slot: self._held(medium, slot) for slot, b in boot.slots.items() if b.bootable}
        memory = _cached(self._memories, medium, DATA.offset, DATA.size_bytes, read_memory)
        return Found(boot, holds, memory)

    def check(self, medium: Medium, floor: Floor) -> Found:
        """Look, and assert that the device is well: it starts a good system and has not gone back."""
        found = self.look(medium)
        boot, holds = found.boot, found.holds
        assert boot.primary is not None, f"no slot is bootable: {boot}"
        assert None not in holds.values(), f"a bootable slot holds no whole image: {holds}, {boot}"
        assert any(slot.good and slot.bootable for slot in boot.slots.values()), (
            f"no confirmed slot is left to fall back to: {boot}"
        )
        assert found.memory.stored_index >= floor.stored_index, "the stored index fell"
        assert min(self._indexes[version] for version in holds.values()) >= floor.stored_index, (
            f"a retired release would start: {holds}, stored {floor.stored_index}"
        )
        # raises when any role's version is below
        floor.trust.raised_to(found.memory.state.trust_floor)
        return found

    def _boot(self, medium: Medium) -> BootStatus:
        with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="environment-") as folder:
            copy = Path(folder, "environment")
            copy.write_bytes(medium.read(ENVIRONMENT.offset, ENVIRONMENT.size_bytes))
            return self._open_boot_control(Path(folder)).status()

    def _held(self, medium: Medium, slot: str) -> str | None:
        part = SLOTS[slot]
        return _cached(
            self._slots, medium, part.offset, part.size_bytes, lambda m: self._version(m, slot)
        )

    def _version(self, medium: Medium, slot: str) -> str | None:
        part, digest = SLOTS[slot], hashlib.sha256()
        for start in range(0, part.size_bytes, MIB):
            digest.update(medium.read(part.offset + start, MIB))
        return self._versions.get(digest.hexdigest())


def _cached(
    known: dict[Hashable, Seen],
    medium: Medium,
    offset: int,
    size_bytes: int,
    read: Callable[[Medium], Seen],
) -> Seen:
    key = medium.identity(offset, size_bytes)
    if key not in known:
        known[key] = read(medium)
    return known[key]
