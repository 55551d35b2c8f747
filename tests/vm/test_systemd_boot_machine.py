"""A whole x86 machine with systemd-boot: an update arrives, and one that does not boot does not stay."""

import pytest
from vm.machine import BOOT_DEADLINE_S
from vm.systemd_boot_machine import SYSTEMD_BOOT, spoil_kernel, systemd_boot_device
from vm.workshop import FIRST
from vm.x86_workshop import TRIES, X86Workshop, bad_versions, check_fallback, check_update, installed

pytestmark = pytest.mark.vm_slow


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return X86Workshop(tmp_path_factory.mktemp("systemd-boot") / "shared", SYSTEMD_BOOT)


@pytest.fixture(scope="module")
def factory(workshop):
    device = systemd_boot_device(workshop)
    workshop.provision(device)
    return device


@pytest.fixture(scope="module")
def port(workshop):
    with workshop.served() as port:
        yield port


def test_a_device_updates_by_systemd_boot_and_stays_on_what_was_confirmed(
    factory, port, tmp_path, record_property
):
    with factory.copied(tmp_path / "device").on(port) as machine:
        check_update(machine)
    record_property("vm boots", 3)


def test_systemd_boot_tries_a_release_that_panics_three_times_and_never_again(
    factory, port, tmp_path, record_property
):
    with factory.copied(tmp_path / "device").on(port) as machine:
        check_fallback(machine)
    record_property("vm boots", 5)


def test_a_kernel_that_systemd_boot_cannot_load_ends_in_the_firmware_and_costs_a_power_cycle_a_try(
    factory, port, tmp_path, record_property
):
    device = installed(factory, port, tmp_path / "device")
    spoil_kernel(device.disk, "B")
    for _ in range(TRIES):
        with device.on(port) as machine:
            machine.console.expect("failed to start Boot", deadline_s=BOOT_DEADLINE_S)
    with device.on(port) as machine:
        assert machine.wait_for_boot() == "A"
        assert bad_versions(machine) == [FIRST]
    record_property("vm boots", 2 + TRIES)
