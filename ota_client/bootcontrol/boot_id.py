"""Which boot this is, by the kernel's own random name for it."""

import re
from typing import Final

from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError

BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
_UUID: Final = re.compile(rb"([0-9a-f-]{36})\n?")


def read_boot_id(storage: Storage) -> str:
    """The running boot's id; no other boot has the same.

    Raises:
        BootControlError: the kernel tells none.
        StorageError: it cannot be read.
    """
    with storage.open(BOOT_ID, writable=False) as file:
        match = _UUID.fullmatch(file.read_at(0, 64))
    if match is None:
        raise BootControlError(f"{BOOT_ID}: expected the kernel's id of this boot, got something else")
    return match[1].decode()
