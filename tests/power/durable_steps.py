"""The workloads of ``test_block_log.py``: ``durable_steps.py WORKLOAD CONTROL FOLDER``.

Each says of a step that it is durable, and how long the disk's log was at that moment.
"""

import os
import stat
import sys
from pathlib import Path

from support.episodes import firmware
from support.folder_device import make_folder_device
from support.memory_repository import MemoryRepository, Release

from ota_client.disk.record import Record
from ota_client.disk.storage import DiskStorage

ROUNDS = 4
IMAGE = firmware("1.1.0", "rootfs")
IN_PLACE_BYTES = 1024


def acknowledge(step: str, number: int) -> None:
    length = Path(os.environ["BLOCK_LOG"]).stat().st_size
    os.write(1, f"ACK {step} {number} {length}\n".encode())


def content_of(number: int, size_bytes: int = 5000) -> bytes:
    """What a file of that number holds; every part of it is different."""
    return b"".join(b"%d/%d " % (number, part) for part in range(size_bytes))[:size_bytes]


def operations(folder: Path) -> None:
    """A record, files that come and go, and a file of fixed size that is written over."""
    storage, place = DiskStorage(), str(folder / "in-place")
    record = Record(storage, str(folder / "record"))
    storage.create(place, content_of(0, IN_PLACE_BYTES))
    acknowledge("in-place", 0)
    for number in range(1, ROUNDS + 1):
        record.write(content_of(number))
        acknowledge("record", number)
        storage.create(str(folder / f"file-{number}"), content_of(number))
        acknowledge("create", number)
        with storage.open(place, writable=True) as file:
            file.write_at(0, content_of(number, IN_PLACE_BYTES))
            file.sync()
        acknowledge("in-place", number)
        if number > 1:
            gone = str(folder / f"file-{number - 1}")
            storage.remove(gone)
            storage.sync_name(gone)
            acknowledge("remove", number - 1)


def update(folder: Path) -> None:
    """A whole update of a device whose slots and memory are files."""
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2, images=(("rootfs", IMAGE),)))
    device = make_folder_device(folder / "device", repository)
    os.sync()
    acknowledge("factory", 1)
    device.client.install()
    acknowledge("installed", 1)
    device.boot()
    device.client.mark_good()
    acknowledge("confirmed", 1)


def leave_out(control: str) -> None:
    """Take one kind of sync out, so that the check has something to find."""
    fsync = os.fsync

    def less(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if folder != (control == "folder-sync"):
            fsync(descriptor)

    if control != "sound":
        os.fsync = less


if __name__ == "__main__":
    leave_out(sys.argv[2])
    {"operations": operations, "update": update}[sys.argv[1]](Path(sys.argv[3]))
