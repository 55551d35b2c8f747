"""Every power cut that a recording allows: all are looked at from outside, some are booted."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vm.block_log import Entry, Medium, Replay, Write, read_entries
from vm.data_partition import forced_by_journal
from vm.device import Device, status
from vm.disk_image import Partition, copy_disk
from vm.disk_layout import ENVIRONMENT
from vm.inspection import Found
from vm.recording import Mark, Recording

SECTOR_BYTES: Final = 512

Check = Callable[[Medium, Mark], object]


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut after an entry of the log.

    Attributes:
        entry: the last that reached the disk.
        kept: what of the disk's cache reached the medium.
        name: which of the cuts after this entry it is.
    """

    entry: Entry
    kept: list[Write]
    name: str

    def __str__(self) -> str:
        """Where the power was cut."""
        return f"after entry {self.entry.number} ({self.entry.kind!r}), {self.name}"


def cuts_after(entry: Entry, pending: list[Write], rng: random.Random) -> Iterator[Cut]:
    """The cuts after one entry: all is kept, all is lost, some are lost, the last write is torn."""
    yield Cut(entry, list(pending), "prefix")
    durable = [write for write in pending if write.durable]
    if durable == pending:
        return
    yield Cut(entry, durable, "all unflushed writes lost")
    kept = [write for write in pending if write.durable or rng.random() < 0.5]
    yield Cut(entry, kept, f"{len(pending) - len(kept)} unflushed writes lost at random")
    for sectors in _torn_after(entry, pending[-1], rng):
        torn = replace(pending[-1], content=pending[-1].content[: sectors * SECTOR_BYTES])
        yield Cut(entry, [*pending[:-1], torn], f"torn after {sectors} sectors")


def _torn_after(entry: Entry, last: Write, rng: random.Random) -> Iterable[int]:
    sectors = len(last.content) // SECTOR_BYTES
    if last.durable or entry.number != last.number or sectors == 1:
        return ()
    if ENVIRONMENT.offset <= entry.offset < ENVIRONMENT.end:
        # what the boot loader reads without a journal: torn everywhere
        return range(1, sectors)
    return (rng.randrange(1, sectors),)


class PowerCuts:
    """Goes through a recording and checks every cut.

    Args:
        recording: what to cut.
        check: raises where a disk is not as it must be after a moment.
        folder: for disks that are tried.
        seed: decides which unflushed writes are lost.
    """

    def __init__(self, recording: Recording, check: Check, folder: Path, *, seed: int) -> None:
        self._recording, self._check_medium = recording, check
        self._folder, self._seed = folder, seed
        self.entries = len(read_entries(recording.log))
        self.checked = 0
        self.failures: list[str] = []

    def check_all(
        self, *, boot_every: int = 0, part: Partition | None = None
    ) -> list[tuple[Cut, Mark, Device]]:
        """Look at every cut.

        Args:
            boot_every: after each so many cuts, keep one as a device to be switched on; 0 for none.
            part: look only at the cuts after a write to this part of the disk; None for all.

        Returns:
            The devices that were kept.
        """
        rng = random.Random(self._seed)
        disk = self._folder / "replay.img"
        self._folder.mkdir(parents=True, exist_ok=True)
        copy_disk(self._recording.before.disk, disk)
        replay, kept = Replay(disk, self._recording.log, forced=forced_by_journal), []
        for entry in replay.steps():
            if part and not (entry.writes and part.offset <= entry.offset < part.end):
                continue
            mark = self._recording.last_mark(entry.log_bytes)
            for cut in cuts_after(entry, replay.pending, rng):
                self._check(cut, replay.medium(cut.kept), mark)
                if boot_every and self.checked % boot_every == 0:
                    kept.append((cut, mark, self._device(disk, cut, mark)))
        replay.close()
        disk.unlink()
        return kept

    def _check(self, cut: Cut, medium: Medium, mark: Mark) -> None:
        self.checked += 1
        try:
            self._check_medium(medium, mark)
        except Exception as e:  # noqa: BLE001 whatever a damaged disk raises is a failure, to be counted
            self.failures.append(f"{cut}: {type(e).__name__}: {e}")

    def _device(self, disk: Path, cut: Cut, mark: Mark) -> Device:
        """What the cut leaves, as a device of its own."""
        left = Device(self._recording.before.board, self._folder / f"cut-{self.checked}")
        left.folder.mkdir()
        copy_disk(disk, left.disk)
        with left.disk.open("r+b") as file:
            for write in cut.kept:
                file.seek(write.offset)
                file.write(write.content)
        left.put_tpm(mark.tpm)
        return left

    def assert_all_well(self) -> None:
        """Assert that no cut failed."""
        shown = "\n".join(self.failures[:10])
        assert not self.failures, f"{len(self.failures)} of {self.checked} cuts:\n{shown}"


def boots_well(device: Device, mark: Mark, found: Found) -> None:
    """Switch a device on after a cut, and assert that a good slot runs that is not behind."""
    with device.on(port=1) as machine:
        slot = machine.wait_for_boot()
        told = status(machine)
    assert found.holds.get(slot) == told["running_version"]
    assert int(str(told["stored_rollback_index"])) >= mark.floor.stored_index
