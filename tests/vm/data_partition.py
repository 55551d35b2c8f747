"""What the device remembers, read from outside: its data partition as a power cut left it.

The journal is replayed as the kernel would, by Debian's e2fsprogs, on a copy and without a mount.
"""

import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vm.block_log import Medium
from vm.disk_image import run
from vm.disk_layout import DATA

from ota_client.counters import RecordCounter
from ota_client.disk.record import Record
from ota_client.disk.storage import DiskStorage
from ota_client.state import DeviceState, StateStore

# e2fsck's exit codes are bits; 1 says that it replayed the journal
_REPLAYED: Final = {0, 1}
_PIECE: Final = 1024 * 1024
# what ext4's journal writes with FUA: commit blocks and its superblocks (jbd2 format, h_blocktype)
_JOURNAL_MAGIC: Final = 0xC03B3998
_FORCED_BLOCKS: Final = {2, 3, 4}


@dataclass(frozen=True, slots=True)
class Memory:
    """The device's memory: its state and the stored rollback index of the disk's record."""

    state: DeviceState
    stored_index: int


def forced_by_journal(content: bytes) -> bool:
    """Whether the kernel asked that this write be durable when it is done (FUA).

    QEMU's NVMe device, up to 7.2 at least, drops that bit, so the block log does not have it.
    """
    magic, kind = struct.unpack_from(">II", content)
    return magic == _JOURNAL_MAGIC and kind in _FORCED_BLOCKS


def read_memory(medium: Medium) -> Memory:
    """Read the memory of a device that has been switched off.

    Raises:
        StateCorruptError: both copies of a record are damaged.
    """
    with files_in(medium, "ratchet") as folder:
        storage = DiskStorage()
        state = StateStore(Record(storage, str(folder / "state"))).load()
        return Memory(state, RecordCounter(Record(storage, str(folder / "rollback-index"))).read())


@contextmanager
def files_in(medium: Medium, name: str) -> Iterator[Path]:
    """A copy of one folder of the data partition, as it is after its journal was replayed."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="data-") as work:
        image, files = Path(work, "data.img"), Path(work, "files")
        files.mkdir()
        _copy(medium, image)
        command = ["e2fsck", "-E", "journal_only", "-y", str(image)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in _REPLAYED, f"the data partition is damaged: {done.stdout}{done.stderr}"
        run(["debugfs", "-R", f"rdump /{name} {files}", str(image)])
        yield files / name


def _copy(medium: Medium, image: Path) -> None:
    with image.open("wb") as file:
        for start in range(0, DATA.size_bytes, _PIECE):
            piece = medium.read(DATA.offset + start, _PIECE)
            if piece.count(0) != len(piece):
                file.seek(start)
                file.write(piece)
        file.truncate(DATA.size_bytes)
