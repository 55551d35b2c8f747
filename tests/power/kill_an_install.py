"""Installs to real files; the process is killed (SIGKILL) before its n-th write or sync, for every n.

Run as ``kill_an_install.py FOLDER``; says how often the agent was killed. A process of its own,
because it forks, and pytest may have threads.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.episodes import firmware
from support.folder_device import FolderDevice, make_folder_device
from support.memory_repository import MemoryRepository, Release
from support.simulated import FACTORY_IMAGE, SLOT_BYTES

IMAGE = firmware("1.1.0", "rootfs")


def main() -> None:
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2, images=(("rootfs", IMAGE),)))
    folder = Path(sys.argv[1])
    for number in count():
        device = make_folder_device(folder / str(number), repository)
        killed = in_a_child(device, number)
        check_untouched(device)
        device.client.install()
        update_is_complete(device)
        if not killed:
            print(f"killed {number} times")
            return


def in_a_child(device: FolderDevice, number: int) -> bool:
    child = os.fork()
    if child == 0:
        kill_before(number)
        device.client.install()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def kill_before(number: int) -> None:
    calls = count()

    def counted(call):
        def counting(*args):
            if next(calls) == number:
                if call is pwrite:  # the write is torn: half of it arrives
                    pwrite(args[0], args[1][: len(args[1]) // 2], args[2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args)

        return counting

    pwrite, fsync = os.pwrite, os.fsync
    os.pwrite, os.fsync = counted(pwrite), counted(fsync)


def check_untouched(device: FolderDevice) -> None:
    assert device.path("slots/A-rootfs.img").read_bytes() == FACTORY_IMAGE.ljust(SLOT_BYTES, b"\0")
    assert str(device.client.status().running) == "1.0.0"


def update_is_complete(device: FolderDevice) -> None:
    assert device.boot() == "B"
    status = device.client.mark_good()
    assert (str(status.running), status.stored_rollback_index) == ("1.1.0", 2)
    assert device.path("slots/B-rootfs.img").read_bytes() == IMAGE.ljust(SLOT_BYTES, b"\0")


if __name__ == "__main__":
    main()
