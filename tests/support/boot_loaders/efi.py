"""The boot manager of EFI firmware (UEFI 2.10, section 3.1), as EDK2's: BootNext once, then BootOrder.

It shares no code with the boot control. Variables are durable and whole when they are written; that is
what firmware promises (EDK2 calls it fault tolerant write), and efivarfs writes through.
"""

import struct
from pathlib import PurePath

from ota_client.errors import BootControlError

FOLDER = "/efivars"
GUID = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
SETTINGS = f'control = "efi"\nefivars = "{FOLDER}"\noptions = "root=PARTLABEL=rootfs-{{slot}} ro"\n'
# a file's device path: HD(2,GPT,...)/\\EFI\\A.EFI would do the same
PATHS = (
    struct.pack("<BBH", 4, 4, 12) + "A\0E\0F\0I\0".encode("ascii") + struct.pack("<BBH", 0x7F, 0xFF, 4)
)
PERSISTENT, VOLATILE = struct.pack("<I", 7), struct.pack("<I", 6)


def path(name):
    return str(PurePath(FOLDER) / f"{name}-{GUID}")


def load_option(description, options="", attributes=1):
    text = f"{description}\0".encode("utf-16-le")
    return struct.pack("<IH", attributes, len(PATHS)) + text + PATHS + options.encode("utf-16-le")


def variables(*, order=(3, 1, 2), current=1):
    """What is there after an installer's efibootmgr: the slots' entries, and the firmware's own."""
    found = {
        "Boot0001": load_option("ratchet-A", "root=PARTLABEL=rootfs-A ro\0"),
        "Boot0002": load_option("ratchet-B"),
        "Boot0003": load_option("UEFI PXEv4"),
        # as a firmware may leave it; not ours to judge
        "Boot000A": b"\1\0\0\0\xff\xff",
        "BootOrder": struct.pack(f"<{len(order)}H", *order),
    }
    files = {path(name): PERSISTENT + data for name, data in found.items()}
    return {**files, path("BootCurrent"): VOLATILE + struct.pack("<H", current)}


class Firmware:
    """The boot manager over a simulated efivarfs."""

    def prepare(self, storage):
        for name, data in variables().items():
            storage.replace(name, data)

    def start(self, storage):
        files = storage.files()
        tried = []
        following = path("BootNext")
        if following in files:
            tried.append(files[following][4:])
            # before it is started: a loop of a program that hangs would never end
            storage.remove(following)
            storage.sync_name(following)
        order = files[path("BootOrder")][4:]
        tried += [order[at : at + 2] for at in range(0, len(order), 2)]
        for number in tried:
            (value,) = struct.unpack("<H", number)
            option = files.get(path(f"Boot{value:04X}"), bytes(4))[4:]
            slot = started(option)
            if slot is not None:
                storage.replace(path("BootCurrent"), VOLATILE + number)
                return slot
        raise BootControlError("expected a boot entry that starts, got none; the device does not start")


def started(option):
    """The slot that an entry starts, by its kernel's arguments; the network never answers."""
    if len(option) < 6 or not option[0] & 1:
        return None
    (length,) = struct.unpack_from("<H", option, 4)
    end = 6
    while option[end : end + 2] not in {b"\0\0", b""}:
        end += 2
    options = option[end + 2 + length :].decode("utf-16-le").rstrip("\0")
    return next((slot for slot in "AB" if f"root=PARTLABEL=rootfs-{slot}" in options.split()), None)
