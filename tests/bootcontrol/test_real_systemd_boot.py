"""The real systemd-boot, on real firmware and a real FAT, does what its model does."""

from pathlib import Path

import pytest
from efi_program import kernel
from firmware_machine import SYSTEMD_BOOT, FirmwareMachine, needs_firmware
from support.boot_loaders.systemd_boot import TEMPLATE, SystemdBoot
from test_systemd_boot import SHIPPED, boot_settings

from ota_client.bootcontrol.systemd_boot.control import SystemdBootControl
from ota_client.bootcontrol.systemd_boot.entries import BootEntries
from ota_client.testing import SimulatedStorage, Written, every_cut

pytestmark = [pytest.mark.system, needs_firmware()]
FOLDER = "/loader/entries"
DISK = {
    "/EFI/BOOT/BOOTX64.EFI": SYSTEMD_BOOT.read_bytes() if SYSTEMD_BOOT.exists() else b"",
    "/gateway/A/vmlinuz": kernel(),
    "/gateway/B/vmlinuz": kernel(),
    "/loader/loader.conf": (SHIPPED / "loader.conf").read_bytes(),
}


def control(storage):
    template = boot_settings(TEMPLATE).loader.entry
    return SystemdBootControl(BootEntries(storage, Path(FOLDER)), template, ("A", "B"), lambda: "A")


def provisioned():
    storage = SimulatedStorage(DISK)
    control(storage).provision("A")
    return storage


def starts(machine, storage, count):
    """Start the machine and the model; both must end with the same names and the same bytes."""
    machine.put(storage.files())
    told = machine.starts(count)
    model = SystemdBoot(FOLDER)
    slots = [model.start(storage) for _ in range(count)]
    assert [f"ratchet.slot={slot}" in words for slot, words in zip(slots, told, strict=True)] == [
        True
    ] * count
    entries = {path: data for path, data in storage.files().items() if path.startswith(FOLDER)}
    assert machine.get(FOLDER) == entries
    return "".join(slots), told


def test_a_trial_is_started_three_times_with_its_arguments_then_the_confirmed_slot(tmp_path):
    storage = provisioned()
    control(storage).activate("B", "roothash=0a0b")
    slots, told = starts(FirmwareMachine(tmp_path), storage, 4)
    assert slots == "BBBA"
    assert told[0] == "root=PARTLABEL=rootfs-B ro ratchet.slot=B roothash=0a0b"
    assert told[3] == "root=PARTLABEL=rootfs-A ro ratchet.slot=A"


def test_a_confirmed_slot_is_started_without_a_count(tmp_path):
    machine, storage = FirmwareMachine(tmp_path), provisioned()
    control(storage).activate("B")
    assert starts(machine, storage, 1)[0] == "B"
    control(storage).mark_good("B")
    control(storage).set_unbootable("A")
    assert starts(machine, storage, 2)[0] == "BB"


def test_media_that_a_torn_write_leaves_start_as_the_model_says(tmp_path):
    machine, storage = FirmwareMachine(tmp_path), provisioned()
    control(storage).activate("B")
    control(storage).mark_good("B")
    half_written, half_shown = [
        number
        for number, operation in enumerate(storage.operations)
        if isinstance(operation, Written) and operation.path.endswith("ratchet-B.conf")
    ][-2:]
    for number, torn in ((half_written, 512), (half_shown, 0)):
        cuts = every_cut(storage.operations[: number + 1], first=number)
        cut = next(cut for cut in cuts if (cut.torn, cut.erased, cut.lost) == (torn, True, ()))
        starts(machine, SimulatedStorage(cut.medium(storage)), 1)
