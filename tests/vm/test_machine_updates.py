"""Updates of a whole machine with a real boot loader: they arrive, and what is bad does not stay."""

import pytest
from vm.device import client, status
from vm.workshop import FACTORY, FIRST, GARBAGE, PANICS


def install(machine, version):
    installed = client(machine, f"install --no-progress --version {version}")
    assert installed.exit_code == 0, installed.said


def versions_of_bad_releases(machine):
    return [bad["version"] for bad in status(machine)["bad_releases"]]


@pytest.mark.vm
@pytest.mark.parametrize("version", [GARBAGE, PANICS])
def test_a_release_that_does_not_boot_is_tried_three_times_and_never_again(version, device, servers):
    with device.on(servers[1]) as machine:
        assert machine.wait_for_boot() == "A"
        install(machine, version)
        before = machine.console.resets
        assert machine.reboot() == "A"
        assert machine.console.resets - before == 1 + 3
        assert versions_of_bad_releases(machine) == [version]
        again = client(machine, f"install --no-progress --version {version}")
        assert (again.exit_code, again.error) == (12, "known-bad-release")
        assert status(machine)["running_version"] == FACTORY


@pytest.mark.vm_slow
def test_a_release_that_is_never_confirmed_is_given_up(device, servers):
    with device.on(servers[0]) as machine:
        assert machine.wait_for_boot() == "A"
        install(machine, FIRST)
        for _ in range(3):
            assert machine.reboot() == "B"
        assert status(machine)["phase"] == "trial"
        assert machine.reboot() == "A"
        assert versions_of_bad_releases(machine) == [FIRST]
        assert status(machine)["stored_rollback_index"] == 1
