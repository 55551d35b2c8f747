"""D01, D02 on a real file system: the power goes off at every write to the block device below ext4.

Sees what a killed process cannot: a sync that is missing, and writes that the disk had reordered.
"""

import os
import re
import shutil
from pathlib import Path

import pytest
from durable_steps import IMAGE, IN_PLACE_BYTES, ROUNDS, content_of
from recorded_disk import missing, prefixes, record, reordered, workbench
from support.simulated import FACTORY_IMAGE, SLOT_BYTES

from ota_client import DeviceConfig, OtaClient, open_ports
from ota_client.disk.record import Record
from ota_client.disk.storage import DiskStorage
from ota_client.recovery import Phase
from ota_client.testing.simulator import SETTINGS, SimulatedDeviceFolder

pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(missing()), reason=missing() or "none")]

STEPS = str(Path(__file__).with_name("durable_steps.py"))
SEEDS = (1, 2)
# another process's sync(2) writes everybody's files, and may hide what a control leaves out
RECORDINGS = 4


@pytest.fixture
def folder(tmp_path):
    """In memory where there is some: the medium is the log, and not where it lies."""
    memory = Path(f"/dev/shm/ratchet-block-log-{os.getpid()}")
    if not memory.parent.is_dir():
        yield tmp_path
        return
    memory.mkdir()
    yield memory
    shutil.rmtree(memory)


def check_operations(mounted, promised):
    """What was acknowledged is there, whole; what was not is whole or not there."""
    storage = DiskStorage()
    found = Record(storage, str(mounted / "record")).read()
    known = {content_of(number): number for number in range(1, ROUNDS + 1)} | {None: 0}
    assert known[found] >= promised.get("record", 0), "LOST: a record"
    removed = promised.get("remove", 0)
    for number in range(1, promised.get("create", 0) + 1):
        path = mounted / f"file-{number}"
        if number <= removed:
            assert not path.exists(), "LOST: a removal"
        elif number > removed + 1 or path.exists():  # one removal may be under way
            assert path.read_bytes() == content_of(number), "LOST: a file"
    if "in-place" in promised:
        place = (mounted / "in-place").read_bytes()
        known = [content_of(number, IN_PLACE_BYTES) for number in range(ROUNDS + 1)]
        assert place in known[promised["in-place"] :], "LOST: what was written in place"


def check_update(mounted, promised):
    """The device starts, knows what it runs, and holds what it said that it held."""
    if "factory" not in promised:
        return
    device = mounted / "device"
    config = DeviceConfig.load(device / SETTINGS)
    status = OtaClient(config, open_ports(config)).status()
    slots = {slot.name: slot for slot in status.slots}
    assert (device / "slots/A-rootfs.img").read_bytes() == FACTORY_IMAGE.ljust(SLOT_BYTES, b"\0")
    if slots["B"].bootable:
        assert (device / "slots/B-rootfs.img").read_bytes() == IMAGE.ljust(SLOT_BYTES, b"\0")
    if "confirmed" in promised:
        assert (status.phase, status.stored_rollback_index) == (Phase.IDLE, 2), "LOST: a mark"
        assert slots["B"].good
        assert not slots["A"].bootable
    elif "installed" in promised:
        assert slots["B"].bootable, "LOST: an activation"
        assert slots["B"].complete
    SimulatedDeviceFolder(device).boot()  # raises if there is nothing to boot


CHECKS = {"operations": check_operations, "update": check_update}


@pytest.mark.parametrize("workload", CHECKS)
def test_what_was_acknowledged_outlives_every_cut(workload, folder, record_property):
    recording = record(folder / "recording", STEPS, workload, "sound")
    with workbench(folder / "bench") as bench:
        points = check_all(prefixes(recording), bench, CHECKS[workload])
        for seed in SEEDS:
            points += check_all(reordered(recording, seed), bench, CHECKS[workload])
    assert len(recording.acknowledged) >= 3
    record_property("power model", f"ext4 ({workload} over a block log)")
    record_property("power points", points)
    assert points > 100


def check_all(cuts, bench, check):
    """Mount every cut and check it; returns how many there were."""
    points = 0
    for cut in cuts:
        points += 1
        try:
            with bench.disk(cut) as mounted:
                check(mounted, cut.promised)
        except BaseException as e:
            e.add_note(f"cut at entry {cut.number}, promised {cut.promised}")
            raise
    return points


@pytest.mark.parametrize(
    ("control", "lost"), [("file-sync", "LOST: (a record|a file)"), ("folder-sync", "LOST: a removal")]
)
def test_the_check_finds_a_sync_that_was_taken_out(control, lost, folder):
    with workbench(folder / "bench") as bench:
        found = (loss(folder / f"recording-{number}", control, bench) for number in range(RECORDINGS))
        assert any(re.match(lost, each) for each in found)


def loss(folder, control, bench):
    """What was lost first; in the mode in which nothing but its own sync brings a file to the disk."""
    recording = record(folder, STEPS, "operations", control, options="data=writeback")
    try:
        check_all(prefixes(recording), bench, check_operations)
    except AssertionError as e:
        return str(e)
    return "nothing"
