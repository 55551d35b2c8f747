"""The checks of the power cuts must fail where they should: on a device that is not careful."""

import pytest
from vm.data_partition import files_in
from vm.device import client
from vm.inspection import Floor, Inspector
from vm.power_cuts import PowerCuts
from vm.recording import Recording
from vm.workshop import ROLLBACK_INDEX, open_boot_control

SEED = 7
NO_FSYNC = "import os; os.fsync = lambda _: None"
NO_FOLDER_FSYNC = (
    "import os, stat; sync = os.fsync; "
    "os.fsync = lambda f: None if stat.S_ISDIR(os.fstat(f).st_mode) else sync(f)"
)
FULL = "pass"
SINGLE_COPY = "/dev/nvme0n1p2 0x40000 0x4000"
OPERATIONS = 2


def patch(machine, code):
    """Make every Python of the guest run ``code`` first."""
    machine.run("mkdir -p /run/patch")
    machine.run(f"echo '{code}' >/run/patch/sitecustomize.py")
    return "PYTHONPATH=/run/patch "


def cut_an_install(device, servers, tmp_path, code):
    """Record an installation on a device that is patched, and cut it everywhere."""
    recording = Recording.of(device, tmp_path)
    with device.on(servers[0], block_log=recording.log) as machine:
        machine.wait_for_boot()
        environment = patch(machine, code)
        installed = machine.run(f"{environment}ota-client install --no-progress")
        assert installed.exit_code == 0, installed.output
        recording.mark(machine)
    return recording


@pytest.mark.vm_slow
def test_an_fsync_taken_out_is_found(device, servers, inspector, tmp_path):
    recording = cut_an_install(device, servers, tmp_path / "recording", NO_FSYNC)
    cuts = PowerCuts(recording, lambda m, mark: inspector.check(m, mark.floor), tmp_path, seed=SEED)
    cuts.check_all()
    print(f"without fsync, {len(cuts.failures)} of {cuts.checked} cuts fail")
    assert cuts.failures


def record_operations(device, tmp_path, code):
    """Create and remove files through the device's own disk port, one after the other."""
    recording = Recording.of(device, tmp_path / "recording")
    storage = "from ota_client.disk.storage import DiskStorage; disk = DiskStorage()"
    with device.on(port=1, block_log=recording.log) as machine:
        machine.wait_for_boot()
        environment = patch(machine, code)
        machine.run("mkdir /data/operations; sync")
        for number in range(OPERATIONS):
            path = f"/data/operations/{number}"
            removal = "; ".join(
                f'disk.{step}("{path}.gone"{more})'
                for step, more in (("create", ', b""'), ("remove", ""), ("sync_name", ""))
            )
            for operation in (f'disk.create("{path}", b"content")', removal):
                ran = machine.run(f"{environment}python3.11 -c '{storage}; {operation}'")
                assert ran.exit_code == 0, ran.output
                recording.promise(Floor(stored_index=len(recording.marks)))
    return recording


def check_operations(medium, mark):
    """What was acknowledged is on the medium: files that were created, and none that was removed."""
    done = mark.floor.stored_index
    with files_in(medium, "operations") as folder:
        for number in range((done + 1) // 2):
            assert (folder / str(number)).read_bytes() == b"content"
        for number in range(done // 2):
            assert not (folder / f"{number}.gone").exists(), "a removed file came back"


@pytest.mark.parametrize(
    ("code", "fails"),
    [
        pytest.param(FULL, False, id="all fsyncs", marks=pytest.mark.vm_slow),
        pytest.param(NO_FSYNC, True, id="no fsync", marks=pytest.mark.vm),
        pytest.param(NO_FOLDER_FSYNC, True, id="no fsync of folders", marks=pytest.mark.vm),
    ],
)
def test_each_durable_operation_survives_and_a_missing_fsync_is_found(code, fails, device, tmp_path):
    recording = record_operations(device, tmp_path, code)
    cuts = PowerCuts(recording, check_operations, tmp_path / "cuts", seed=SEED)
    cuts.check_all()
    print(f"{len(cuts.failures)} of {cuts.checked} cuts fail")
    assert bool(cuts.failures) == fails, cuts.failures[:3]


@pytest.mark.vm_slow
def test_an_environment_in_one_copy_is_torn(device, servers, workshop, tmp_path):
    settings = (
        's/control = .*/control = "u-boot-unsafe-single-copy"/; s/kind = "tpm"/kind = "record"/; '
        's#^fw_env_config.*#environment = ["'
        + SINGLE_COPY
        + '"]\\ninitial_environment = "/run/initial"#; s#/data/ratchet#/data/single#'
    )
    recording = Recording.of(device, tmp_path / "recording")
    with device.on(servers[0], block_log=recording.log) as machine:
        machine.wait_for_boot()
        machine.run(f"sed -i '{settings}' $OTA_CLIENT_CONFIG; fw_printenv board_history >/run/initial")
        provisioned = client(machine, "provision")
        assert provisioned.exit_code == 0, provisioned.said
        recording.promise(Floor())
        installed = client(machine, "install --no-progress")
        assert installed.exit_code == 0, installed.said
    first = recording.marks[-1]

    def open_single(folder):
        return open_boot_control(folder, "u-boot-unsafe-single-copy", SINGLE_COPY)

    inspector = Inspector(open_single, workshop.versions, ROLLBACK_INDEX)
    cuts = PowerCuts(
        recording,
        lambda medium, mark: inspector.check(medium, mark.floor) if mark is first else None,
        tmp_path / "cuts",
        seed=SEED,
    )
    cuts.check_all()
    print(f"with one copy of the environment, {len(cuts.failures)} of {cuts.checked} cuts fail")
    assert cuts.failures
