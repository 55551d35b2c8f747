"""What is discarded may read as anything: every byte of it is written anew."""

import os
import subprocess
from pathlib import Path

import pytest
from support.memory_repository import REGION_BYTES, MemoryRepository, Release
from support.simulated import SLOT_BYTES, make_device

from ota_client.disk.storage import DiskStorage
from ota_client.testing import Discarded, PowerCutError, Written

NOISE = b"\x01\x02\x03" * REGION_BYTES
IMAGE = NOISE[: 2 * REGION_BYTES] + bytes(2 * REGION_BYTES) + NOISE[: REGION_BYTES + 700]


@pytest.fixture
def device(tmp_path):
    repository = MemoryRepository()
    repository.put(Release("1.1.0", 2, images=(("rootfs", IMAGE),)))
    return make_device(tmp_path, repository)


def discarded(device):
    return [(o.offset, o.size_bytes) for o in device.storage.operations if isinstance(o, Discarded)]


def test_only_what_is_written_anew_is_discarded(device):
    device.client.install()
    assert discarded(device) == [(0, 2 * REGION_BYTES), (4 * REGION_BYTES, REGION_BYTES)]
    slot = device.config.slots["B"]["rootfs"]
    assert device.storage.files()[slot] == IMAGE.ljust(SLOT_BYTES, b"\0")


def test_the_simulated_disk_gives_garbage_back(device):
    slot = device.config.slots["B"]["rootfs"]
    with device.storage.open(slot, writable=True) as file:
        file.discard(10, 100)
        assert file.read_at(0, 120) not in {bytes(120), IMAGE[:120]}
        assert file.read_at(110, 10) == bytes(10)


def test_a_resumed_installation_discards_nothing(device):
    operations = device.storage.operations
    device.storage.power = len(operations) + 30
    with pytest.raises(PowerCutError):
        device.client.install()
    assert any(isinstance(o, Written) and "B-rootfs" in o.path for o in operations)
    device.storage.power = None
    device.storage._locks.clear()
    before = len(discarded(device))
    device.client.install()
    assert len(discarded(device)) == before
    assert device.boot() == "B"


def test_a_file_keeps_its_room_and_its_content(tmp_path):
    path = tmp_path / "slot"
    path.write_bytes(b"x" * 8192)
    with DiskStorage().open(str(path), writable=True) as file:
        file.discard(0, 8192)
    assert path.read_bytes() == b"x" * 8192


@pytest.mark.system
@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/loop-control").exists(),
    reason="run as root where the kernel has loop devices; needs util-linux",
)
def test_a_block_device_is_discarded_and_one_that_cannot_is_left_alone(tmp_path):
    image = tmp_path / "image"
    image.write_bytes(b"x" * 65536)
    made = subprocess.run(
        ["losetup", "--find", "--show", image], capture_output=True, text=True, check=True
    )
    loop = made.stdout.strip()
    try:
        with DiskStorage().open(loop, writable=True) as file:
            file.discard(4096, 8192)
            file.discard(0, 100)  # no whole block: the kernel refuses, and we do not mind
            file.sync()
            content = file.read_at(0, 65536)
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)
    assert content == b"x" * 4096 + bytes(8192) + b"x" * 53248
