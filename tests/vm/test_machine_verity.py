"""A verity root: what boots is what was signed, to the byte."""

import pytest
from vm.device import client, status
from vm.disk_layout import SLOTS
from vm.workshop import FACTORY, VERITY

pytestmark = pytest.mark.vm


def change_a_byte(disk, offset):
    with disk.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def test_a_verity_root_boots_and_the_kernel_refuses_a_changed_byte(
    workshop, device, servers, tmp_path, record_property
):
    with device.on(servers[1]) as machine:
        machine.wait_for_boot()
        assert client(machine, f"install --no-progress --version {VERITY}").exit_code == 0
    changed = device.copied(tmp_path / "changed")
    with device.on(servers[1]) as machine:
        assert machine.wait_for_boot() == "B"
        assert "/dev/mapper/root on / " in machine.run("mount").output
        assert "roothash=" in machine.run("cat /proc/cmdline").output
        assert client(machine, "mark-good").fields["running_version"] == VERITY
    image = (workshop.folder / f"{VERITY}.img").read_bytes()
    init = image.index((workshop.folder / "tree" / "sbin" / "init").read_bytes())
    change_a_byte(changed.disk, SLOTS["B"].offset + init)
    with changed.on(servers[1]) as machine:
        for _ in range(3):
            machine.console.expect("data block .* is corrupted", deadline_s=120)
            machine.console.expect("Kernel panic", deadline_s=60)
        assert machine.wait_for_boot() == "A"
        # the other slot's arguments are not passed on
        assert "roothash=" not in machine.run("cat /proc/cmdline").output
        told = status(machine)
        assert told["running_version"] == FACTORY
        assert [bad["version"] for bad in told["bad_releases"]] == [VERITY]
    record_property("vm boots", 6)
