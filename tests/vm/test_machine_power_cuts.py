"""D01, D02: the power of a whole machine fails, its boot loader's writes included."""

import pytest
from vm.block_log import DiskMedium
from vm.device import client, point, status
from vm.disk_image import run
from vm.disk_layout import ENVIRONMENT
from vm.power_cuts import PowerCuts, boots_well
from vm.recording import record_cycle
from vm.workshop import ENVIRONMENT_COPIES, FIRST, ROLLBACK_INDEX, SECOND

SEED = 20261122
BOOTS = 6


@pytest.fixture(scope="module")
def recording(workshop, servers, tmp_path_factory):
    """A whole update cycle: from A to B, and back to A."""
    return record_cycle(workshop, tmp_path_factory.mktemp("recording"), servers)


def cut_everywhere(recording, inspector, folder, seed, record_property):
    """Look at every cut of a recording, and switch the device on after some of them."""
    cuts = PowerCuts(recording, lambda m, mark: inspector.check(m, mark.floor), folder, seed=seed)
    kept = cuts.check_all(boot_every=4 * cuts.entries // BOOTS)
    record_property("vm prefixes", cuts.checked)
    record_property("vm replayed", len(kept))
    cuts.assert_all_well()
    for cut, mark, device in kept:
        print(f"booting the disk as it was {cut}")
        boots_well(device, mark, inspector.look(DiskMedium(device.disk)))


@pytest.mark.vm
def test_a_device_updates_from_a_to_b_and_back_to_a(recording, inspector, record_property):
    assert [told["running_version"] for told in recording.seen.values()] == [FIRST, SECOND]
    found = inspector.look(DiskMedium(recording.after.disk))
    assert (found.boot.primary, found.holds["A"]) == ("A", SECOND)
    assert found.memory.stored_index == ROLLBACK_INDEX[SECOND]
    record_property("vm boots", 3)


@pytest.mark.vm
def test_an_updated_device_refuses_a_downgrade_and_a_replay(
    recording, servers, tmp_path, record_property
):
    device = recording.after.copied(tmp_path)
    with device.on(servers[1]) as machine:
        machine.wait_for_boot()
        downgrade = client(machine, f"install --no-progress --version {FIRST}")
        assert (downgrade.exit_code, downgrade.error) == (12, "downgrade")
        # a genuine repository, as it was published earlier
        point(machine, servers[0])
        replay = client(machine, "check")
        assert (replay.exit_code, replay.error) == (10, "metadata-rollback")
        machine.run("rm -r /data/ratchet/tuf")
        assert client(machine, "install").error == "metadata-rollback"
        assert status(machine)["running_version"] == SECOND
    record_property("vm boots", 1)


@pytest.mark.vm
def test_every_power_cut_leaves_a_good_slot_and_no_lower_index(
    recording, inspector, tmp_path, record_property
):
    cut_everywhere(recording, inspector, tmp_path, SEED, record_property)


@pytest.mark.vm
def test_libubootenv_reads_what_is_left_of_the_environment_too(recording, tmp_path):
    variables = set()

    def reads(medium, _mark):
        copy, config = tmp_path / "environment", tmp_path / "fw_env.config"
        copy.write_bytes(medium.read(ENVIRONMENT.offset, ENVIRONMENT.size_bytes))
        config.write_text(ENVIRONMENT_COPIES.replace("/dev/nvme0n1p2", str(copy)))
        variables.add(run(["fw_printenv", "-c", str(config), "BOOT_ORDER"]))

    changing = PowerCuts(recording, reads, tmp_path / "cuts", seed=SEED)
    changing.check_all(part=ENVIRONMENT)
    changing.assert_all_well()
    assert variables >= {"BOOT_ORDER=A B\n", "BOOT_ORDER=B A\n"}


@pytest.mark.vm_slow
@pytest.mark.parametrize("seed", range(10))
def test_every_power_cut_is_survived_whatever_is_lost(
    seed, recording, inspector, tmp_path, record_property
):
    cut_everywhere(recording, inspector, tmp_path, seed, record_property)
