"""A real file system over a disk that records every write and flush, and each disk that a cut leaves.

QEMU's storage daemon exports a file through its ``blklogwrites`` driver over FUSE; a loop device makes a
disk of that. No device mapper is needed, but root, /dev/fuse and loop devices are.
"""

import ctypes
import fcntl
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vm.block_log import Entry, Kind, read_entries

TESTS = Path(__file__).parents[1]
DISK_BYTES = 16 * 1024 * 1024
BLOCK_BYTES = 4096
MKFS = ("mke2fs", "-q", "-t", "ext4", "-b", str(BLOCK_BYTES), "-J", "size=4", "-E", "lazy_itable_init=0")
PACKAGES = {
    "qemu-storage-daemon": "qemu-system-common",
    "mke2fs": "e2fsprogs",
    "losetup": "mount",
}
# linux/fs.h: forget what is cached of a block device
BLKFLSBUF = 0x1261
libc = ctypes.CDLL(None, use_errno=True)


def missing() -> str:
    """What this machine lacks; empty if nothing."""
    programs = [package for name, package in PACKAGES.items() if shutil.which(name) is None]
    if programs:
        return f"install the Debian packages: {' '.join(programs)}"
    if os.geteuid():
        return "needs root, to mount a file system"
    if not Path("/dev/fuse").exists():
        return "needs /dev/fuse"
    found = subprocess.run(["losetup", "--find"], check=False, capture_output=True)
    return "" if found.returncode == 0 else "needs loop devices"


@dataclass(frozen=True)
class Acknowledged:
    """A step of the workload was durable, by its word, when the log was so long."""

    log_bytes: int
    step: str
    number: int


@dataclass(frozen=True)
class Recording:
    """What a workload did to a disk.

    Attributes:
        base: the disk before.
        begun_bytes: how long the log was before the workload.
    """

    base: Path
    log: Path
    entries: list[Entry]
    begun_bytes: int
    acknowledged: tuple[Acknowledged, ...]

    def promised(self, log_bytes: int) -> dict[str, int]:
        """By step, the highest number that was acknowledged when the log was so long."""
        return {ack.step: ack.number for ack in self.acknowledged if ack.log_bytes <= log_bytes}


def record(folder: Path, *workload: str, options: str = "") -> Recording:
    """Run Python with the arguments ``workload`` and the folder of a recorded file system.

    The file system is mounted with ``options``. The workload prints a line ``ACK step number`` and the
    log's length for each step that is durable.
    """
    folder.mkdir()
    base, disk, log = folder / "base", folder / "disk", folder / "log"
    with base.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run([*MKFS, base], check=True)
    shutil.copyfile(base, disk)
    log.touch()
    with (
        exported(disk, log, folder / "export") as export,
        loop_device(export) as device,
        mounted(device, folder / "mounted", options) as target,
    ):
        begun = log.stat().st_size
        done = subprocess.run(
            [sys.executable, *workload, str(target)],
            env={**os.environ, "BLOCK_LOG": str(log), "PYTHONPATH": f"{TESTS.parent}:{TESTS}"},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    found = re.findall(r"^ACK (\S+) (\d+) (\d+)$", done.stdout, re.MULTILINE)
    acks = tuple(Acknowledged(int(length), step, int(number)) for step, number, length in found)
    return Recording(base, log, read_entries(log), begun, acks)


@contextmanager
def exported(disk: Path, log: Path, export: Path) -> Iterator[Path]:
    """A file whose writes go to the disk and to the log."""
    export.touch()
    blocks = ("file,node-name=disk,filename=" + str(disk), "file,node-name=log,filename=" + str(log))
    command = ["qemu-storage-daemon"]
    for block in (*blocks, "blklogwrites,node-name=both,file=disk,log=log,log-sector-size=512"):
        command += ["--blockdev", f"driver={block}"]
    command += ["--export", f"type=fuse,id=export,node-name=both,mountpoint={export},writable=on"]
    with subprocess.Popen(command) as daemon:
        try:
            for _ in range(1000):
                if export.stat().st_size == DISK_BYTES:
                    break
                assert daemon.poll() is None, "qemu-storage-daemon ended"
                time.sleep(0.01)
            yield export
        finally:
            daemon.terminate()


@contextmanager
def loop_device(file: Path) -> Iterator[Path]:
    """A block device over a file."""
    command = ["losetup", "--find", "--show", str(file)]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    device = Path(found.stdout.strip())
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@contextmanager
def mounted(device: Path, target: Path, options: str = "") -> Iterator[Path]:
    """The file system on a device; its journal is replayed."""
    target.mkdir(exist_ok=True)
    if libc.mount(str(device).encode(), str(target).encode(), b"ext4", 0, options.encode()):
        error = ctypes.get_errno()
        raise OSError(error, f"mount: {os.strerror(error)}")
    try:
        yield target
    finally:
        libc.umount2(str(target).encode(), 0)


@dataclass(frozen=True)
class Cut:
    """A disk that a power cut may leave.

    Attributes:
        number: of the last entry of the log that was begun.
        promised: by step, the highest number that was acknowledged.
    """

    number: int
    promised: dict[str, int]
    content: bytes


def prefixes(recording: Recording) -> Iterator[Cut]:
    """After each write: everything so far is on the medium."""
    for number, done, pending in _states(recording):
        content = bytearray(done)
        for entry, data in pending:
            content[entry.offset : entry.offset + len(data)] = data
        yield Cut(number, recording.promised(recording.entries[number].log_bytes), bytes(content))


def reordered(recording: Recording, seed: int) -> Iterator[Cut]:
    """After each write: of those that no flush made durable, some are lost, and some are torn.

    Between blocks of the file system: ext4 takes a block whose checksum is wrong for a disk that is
    damaged. Finer tears are tried on the simulated disk, and by the shim.
    """
    chance = random.Random(seed)
    for number, done, pending in _states(recording):
        content = bytearray(done)
        for entry, data in pending:
            if chance.random() < 0.5:
                continue
            torn = chance.random() < 0.2
            kept = data[: chance.randrange(len(data)) // BLOCK_BYTES * BLOCK_BYTES] if torn else data
            content[entry.offset : entry.offset + len(kept)] = kept
        yield Cut(number, recording.promised(recording.entries[number].log_bytes), bytes(content))


def _states(recording: Recording) -> Iterator[tuple[int, bytearray, list[tuple[Entry, bytes]]]]:
    """After each entry of the workload: what is durable, and what is only in the disk's cache."""
    done, pending = bytearray(recording.base.read_bytes()), []
    with recording.log.open("rb") as log:
        for entry in recording.entries:
            if entry.kind & Kind.FLUSH:
                for earlier, data in pending:
                    done[earlier.offset : earlier.offset + len(data)] = data
                pending = []
            if entry.writes:
                log.seek(entry.data_at)
                pending.append((entry, log.read(entry.size_bytes)))
            if entry.log_bytes > recording.begun_bytes:
                yield entry.number, done, pending


class Workbench:
    """Mounts one disk after the other."""

    def __init__(self, image: Path, device: Path, target: Path) -> None:
        self._image, self._device, self._target = image, device, target

    @contextmanager
    def disk(self, cut: Cut) -> Iterator[Path]:
        """The file system that the cut left."""
        with self._image.open("r+b") as file:
            file.write(cut.content)
        self._forget()
        with mounted(self._device, self._target) as target:
            yield target
        self._forget()

    def _forget(self) -> None:
        with self._device.open("rb") as device:
            fcntl.ioctl(device, BLKFLSBUF)


@contextmanager
def workbench(folder: Path) -> Iterator[Workbench]:
    """A workbench in a folder."""
    folder.mkdir()
    image = folder / "image"
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    with loop_device(image) as device:
        yield Workbench(image, device, folder / "mounted")
