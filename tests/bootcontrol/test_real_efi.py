"""The boot manager of real firmware (EDK2's OVMF) does with our variables what its model does."""

import struct

import pytest
from efi_program import kernel, setup
from firmware_machine import FirmwareMachine, needs_firmware
from support.boot_loaders.efi import Firmware, path, variables
from test_efi import control

from ota_client.testing import SimulatedStorage

pytestmark = [pytest.mark.system, needs_firmware()]
NAME = "\\kernel.efi\0".encode("utf-16-le")
# the short form of a device path: the file, on whatever disk has it (UEFI specification, section 3.1.2)
PROGRAM = struct.pack("<BBH", 4, 4, 4 + len(NAME)) + NAME + struct.pack("<BBH", 0x7F, 0xFF, 4)


def installed():
    """What is there after efibootmgr: entries of a program that is on the disk."""
    files = variables()
    for number, slot in ((1, "A"), (2, "B")):
        text = f"ratchet-{slot}\0".encode("utf-16-le")
        option = struct.pack("<IH", 1, len(PROGRAM)) + text + PROGRAM
        options = f"root=PARTLABEL=rootfs-{slot} ro\0".encode("utf-16-le")
        files[path(f"Boot{number:04X}")] = struct.pack("<I", 7) + option + options
    return files


def starts(folder, storage, count):
    """Give the firmware the variables, and start it; the model must start the same."""
    wanted = ("Boot0001", "Boot0002", "BootOrder", "BootNext")
    files = {name: storage.files()[name] for name in map(path, wanted) if name in storage.files()}
    program = setup({name.rpartition("/")[2]: data for name, data in files.items()})
    folder.mkdir()
    machine = FirmwareMachine(folder)
    machine.put({"/EFI/BOOT/BOOTX64.EFI": program, "/kernel.efi": kernel()})
    told = machine.starts(count)
    slots = [Firmware().start(storage) for _ in range(count)]
    assert [f"rootfs-{slot}" in words for slot, words in zip(slots, told, strict=True)] == [True] * count
    return "".join(slots), told


def test_the_firmware_tries_an_activated_slot_once_and_falls_back_by_itself(tmp_path):
    storage = SimulatedStorage(installed())
    control(storage).provision("A")
    control(storage).activate("B", "roothash=0a0b")
    slots, told = starts(tmp_path / "trial", storage, 3)
    assert slots == "BAA"
    assert told[0] == "root=PARTLABEL=rootfs-B ro roothash=0a0b"
    assert told[1] == "root=PARTLABEL=rootfs-A ro"


def test_the_firmware_keeps_starting_a_confirmed_slot(tmp_path):
    storage = SimulatedStorage(installed())
    control(storage).provision("A")
    control(storage).activate("B")
    Firmware().start(storage)
    control(storage).mark_good("B")
    control(storage).set_unbootable("A")
    assert starts(tmp_path / "confirmed", storage, 2)[0] == "BB"
