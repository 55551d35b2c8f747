"""A whole update cycle, recorded: every write and flush of the disk, and what was promised when."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from vm.device import Device, client, point, remembered, status
from vm.inspection import Floor
from vm.machine import Machine
from vm.workshop import FIRST, ROLLBACK_INDEX, SECOND, Workshop


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of the recording.

    Attributes:
        log_bytes: how long the block log was.
        floor: what the device must never be below from here on.
        tpm: the TPM's memory as it was.
    """

    log_bytes: int
    floor: Floor
    tpm: Path


@dataclass
class Recording:
    """A device before the cycle, and everything that the cycle did to its disk.

    Attributes:
        before: the device as it was.
        after: the device as the cycle left it.
        log: QEMU's block log.
        marks: in order of time.
        seen: what each step answered, for the test of the cycle itself.
    """

    before: Device
    after: Device
    log: Path
    marks: list[Mark] = field(default_factory=list)
    seen: dict[str, Mapping[str, object]] = field(default_factory=dict)

    @classmethod
    def of(cls, device: Device, folder: Path) -> Self:
        """A recording that begins with a device as it is now."""
        before = device.copied(folder / "before")
        return cls(before, device, folder / "block.log", [Mark(0, Floor(), before.tpm_memory)])

    def mark(self, machine: Machine) -> None:
        """Note what the device has promised by now."""
        stored = status(machine)["stored_rollback_index"]
        self.promise(Floor(int(str(stored)), remembered(machine).trust_floor))

    def promise(self, floor: Floor) -> None:
        """Note that the device will never again be below ``floor``."""
        log_bytes = self.log.stat().st_size
        tpm = self.log.with_name(f"tpm-{len(self.marks)}")
        shutil.copytree(self.after.tpm_memory, tpm)
        self.marks.append(Mark(log_bytes, floor, tpm))

    def last_mark(self, log_bytes: int) -> Mark:
        """The newest moment that lies before this length of the log."""
        return max((m for m in self.marks if m.log_bytes <= log_bytes), key=lambda m: m.log_bytes)


def record_cycle(workshop: Workshop, folder: Path, ports: tuple[int, int]) -> Recording:
    """Update from A to B, and from B back to A, with everything recorded.

    Args:
        workshop: the releases and the factory's device.
        folder: where the recording goes.
        ports: of the server with the first release, and of the one with the second.
    """
    device = workshop.factory.copied(folder / "device")
    recording = Recording.of(device, folder)
    with device.on(ports[0], block_log=recording.log) as machine:
        assert machine.wait_for_boot() == "A"
        for version, slot, port in ((FIRST, "B", ports[0]), (SECOND, "A", ports[1])):
            point(machine, port)
            _update(recording, machine, version, slot)
    return recording


def _update(recording: Recording, machine: Machine, version: str, slot: str) -> None:
    installed = client(machine, "install --no-progress")
    assert installed.exit_code == 0, installed.said
    recording.mark(machine)
    assert machine.reboot() == slot
    assert status(machine)["phase"] == "trial"
    confirmed = client(machine, "mark-good")
    assert confirmed.exit_code == 0, confirmed.said
    assert confirmed.fields["stored_rollback_index"] == ROLLBACK_INDEX[version]
    counter = confirmed.fields["rollback_counter"]
    assert isinstance(counter, dict)
    assert (counter["kind"], counter["health"]) == ("tpm", "ok")
    assert counter["hardware_index"] == ROLLBACK_INDEX[version]
    recording.seen[version] = confirmed.fields
    recording.mark(machine)
