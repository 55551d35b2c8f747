"""A whole x86 machine with GRUB: an update arrives, and one that does not boot does not stay."""

import pytest
from vm.device import status
from vm.disk_image import MIB
from vm.disk_layout import SLOTS
from vm.grub_machine import GRUB, grub_device
from vm.workshop import FIRST
from vm.x86_workshop import X86Workshop, bad_versions, check_fallback, check_update, installed

pytestmark = pytest.mark.vm_slow


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return X86Workshop(tmp_path_factory.mktemp("GRUB") / "shared", GRUB)


@pytest.fixture(scope="module")
def factory(workshop):
    device = grub_device(workshop)
    workshop.provision(device)
    return device


@pytest.fixture(scope="module")
def port(workshop):
    with workshop.served() as port:
        yield port


def test_a_device_updates_by_grub_and_stays_on_what_was_confirmed(
    factory, port, tmp_path, record_property
):
    with factory.copied(tmp_path / "device").on(port) as machine:
        check_update(machine)
    record_property("vm boots", 3)


def test_grub_tries_a_release_that_panics_three_times_and_never_again(
    factory, port, tmp_path, record_property
):
    with factory.copied(tmp_path / "device").on(port) as machine:
        check_fallback(machine)
    record_property("vm boots", 5)


def test_grub_starts_the_confirmed_slot_at_once_where_the_other_cannot_be_loaded(
    factory, port, tmp_path, record_property
):
    device = installed(factory, port, tmp_path / "device")
    with device.disk.open("r+b") as disk:
        disk.seek(SLOTS["B"].offset)
        disk.write(bytes(MIB))
    with device.on(port) as machine:
        assert machine.wait_for_boot() == "A"
        for _ in range(2):
            assert status(machine)["phase"] == "installed"
            before = machine.console.resets
            assert machine.reboot() == "A"
            assert machine.console.resets - before == 1
        assert bad_versions(machine) == [FIRST]
    record_property("vm boots", 4)
