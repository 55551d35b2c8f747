"""D11: the memory, the stored index or the boot record is corrupt, empty or half old."""

import pytest
from support.attacks import refused, unmoved
from support.memory_repository import Release

from ota_client.errors import StateCorruptError
from ota_client.testing import SimulatedDevice, SimulatedStorage

RECORDS = {"state": "state/state", "stored index": "state/rollback-index", "boot record": "boot"}
# 52 bytes of header, then the content
DAMAGE = {
    "emptied": lambda *_: b"",
    "cut short": lambda data, _: data[:52],
    "header only": lambda data, _: data[:20],
    "half old": lambda data, other: other[:30] + data[30:],
    "one bit": lambda data, _: data[:52] + bytes([data[52] ^ 1]) + data[53:],
    "erased": lambda data, _: b"\xff" * len(data),
    "zeros": lambda data, _: bytes(len(data)),
    "longer than it says": lambda data, _: data[:8] + b"\xff" * 12 + data[20:],
}


@pytest.fixture(params=RECORDS.values(), ids=RECORDS)
def record(request):
    return request.param


@pytest.fixture(params=DAMAGE.values(), ids=DAMAGE)
def damage(request):
    return request.param


@pytest.fixture
def updated(device, repository):
    """It runs 1.1.0, confirmed, and 1.2.0 is on offer."""
    device.client.install()
    device.boot()
    device.client.mark_good()
    repository.put(Release("1.2.0", rollback_index=3))
    device.client.check()
    return device


def damaged(device, repository, damages):
    """The device, restarted on a medium whose files (by the end of their paths) are changed."""
    sound, files = device.storage.files(), device.storage.files()
    for name, change in damages.items():
        path = next(path for path in files if path.endswith(f"/{name}"))
        other = sound[f"{path[:-1]}{1 - int(path[-1])}"]
        files[path] = change(sound[path], other)
    restarted = SimulatedDevice(
        device.config, SimulatedStorage(files), fetcher=repository, clock=lambda: repository.now
    )
    restarted.booted = device.booted
    return restarted


@pytest.mark.walk(13)
@pytest.mark.parametrize("copy", "01")
def test_d11_with_one_copy_damaged_the_other_one_serves(updated, repository, record, damage, copy):
    device = damaged(updated, repository, {f"{record}.{copy}": damage})
    assert device.boot() == "B"
    status = device.client.mark_good()
    assert (str(status.running), status.stored_rollback_index) == ("1.1.0", 2)
    assert device.client.install().installed
    assert device.boot() == "A"
    status = device.client.mark_good()
    assert (str(status.running), status.stored_rollback_index) == ("1.2.0", 3)


@pytest.mark.walk(9)
def test_d11_with_both_copies_damaged_the_device_refuses_and_names_the_way_out(
    updated, repository, record, damage
):
    device = damaged(updated, repository, {f"{record}.{copy}": damage for copy in "01"})
    way_out = "provision|remove both"
    with unmoved(device):
        for action in ("status", "check", "install", "mark_good", "mark_bad"):
            with refused(StateCorruptError, way_out):
                getattr(device.client, action)()


def test_d11_removing_both_copies_of_the_index_forgets_nothing_that_the_running_release_knows(
    updated, repository
):
    files = {p: d for p, d in updated.storage.files().items() if "rollback-index" not in p}
    device = SimulatedDevice(
        updated.config, SimulatedStorage(files), fetcher=repository, clock=lambda: repository.now
    )
    device.boot()
    device.client.check()
    assert device.counter.read() == 2


def test_d11_removing_both_copies_of_the_state_starts_again_and_updates(updated, repository):
    files = {p: d for p, d in updated.storage.files().items() if "/state/state." not in p}
    device = SimulatedDevice(
        updated.config, SimulatedStorage(files), fetcher=repository, clock=lambda: repository.now
    )
    device.boot()
    assert device.client.install().installed
    device.boot()
    assert str(device.client.mark_good().running) == "1.2.0"
    assert device.counter.read() == 3
