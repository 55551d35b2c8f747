"""The Raspberry Pi's boot loader, after its documentation; it shares no code with the boot control.

https://www.raspberrypi.com/documentation/computers/config_txt.html#autoboot-txt
https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#fail-safe-os-updates-tryboot
"""

import re
from itertools import count
from pathlib import Path

from ota_client.errors import BootControlError

BOOT_ID = "/proc/sys/kernel/random/boot_id"
SHIPPED = Path(__file__).parents[3] / "integration/raspberry-pi/autoboot.txt"
_BOOTS = count(1)


class RaspberryPiLoader:
    """Starts the partition that ``autoboot.txt`` names; with ``tryboot`` the other one, that one time.

    A device is restarted with ``reboot "0 tryboot"``, as the shipped reboot script does while a slot is
    on trial. The flag is lost with the power, and with a slot that dies before it has written anything.
    """

    def __init__(self, config):
        self._path = str(config.boot.loader.autoboot)
        self._slots = {partition: slot for slot, partition in config.boot.loader.partitions.items()}
        self._last = None

    def prepare(self, storage):
        storage.create(self._path, SHIPPED.read_bytes())
        storage.create(BOOT_ID, new_boot_id())

    def start(self, storage):
        text = storage.files()[self._path].decode("ascii")
        default, tried = partition(text, tryboot=False), partition(text, tryboot=True)
        started = tried if self._flag(storage, default) else default
        self._last = storage, started, len(storage.operations)
        # the kernel makes a new one, in memory
        storage._now[BOOT_ID] = bytearray(new_boot_id())
        if started not in self._slots:
            raise BootControlError(f"partition {started} is not bootable; the device does not start")
        return self._slots[started]

    def _flag(self, storage, default):
        last, started, done = self._last or (None, None, None)
        if last is not storage:
            # a disk on which nothing was done yet was just powered on
            return bool(storage.operations)
        died = started != default and done == len(storage.operations)
        return not died


def partition(text, *, tryboot):
    """What the last ``boot_partition`` says, of those whose filter passes."""
    passes, found, a_b = True, 1, False
    for line in re.split(r"[\r\n]+", text):
        if line.startswith("["):
            passes = line == "[all]" or (line == "[tryboot]" and tryboot)
        elif passes and line.startswith("boot_partition="):
            found = int(line.removeprefix("boot_partition="))
        elif passes and line == "tryboot_a_b=1":
            a_b = True
    assert len(text) <= 512, "longer than the boot loader reads"
    assert a_b or not tryboot, "the boot loader would look for tryboot.txt"
    return found


def new_boot_id():
    return b"00000000-0000-4000-8000-%012x\n" % next(_BOOTS)
