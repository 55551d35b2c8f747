"""D07: a bit flips in the slot between the write and the start."""

import pytest
from support.attacks import nothing_activated, refused

from ota_client.errors import ReadBackError
from ota_client.testing import Synced, Written

BITS = 8


@pytest.fixture(params=[0, 4096 * BITS - 1, 8000 * BITS - 1], ids=["first", "middle", "last"])
def worn_device(device, request, monkeypatch):
    """The slot of this device does not keep one of its bits."""
    slot, apply = device.config.slots["B"]["rootfs"], device.storage.apply

    def flipping(operation):
        apply(operation)
        if operation == Synced(slot):
            byte, bit = divmod(request.param, BITS)
            flipped = device.storage.read(slot, byte, 1)[0] ^ 1 << bit
            apply(Written(slot, byte, bytes([flipped])))

    monkeypatch.setattr(device.storage, "apply", flipping)
    return device


def test_d07_the_read_back_finds_a_flipped_bit_and_nothing_is_activated(worn_device):
    with nothing_activated(worn_device), refused(ReadBackError, "slot B, image rootfs"):
        worn_device.client.install()
    assert worn_device.boot() == "A"


def test_d07_the_next_attempt_fetches_and_mends_just_the_region_that_flipped(
    worn_device, repository, monkeypatch
):
    with refused(ReadBackError):
        worn_device.client.install()
    monkeypatch.undo()
    written = len(worn_device.storage.operations)
    worn_device.client.install()
    slot = worn_device.config.slots["B"]["rootfs"]
    mended = [
        operation
        for operation in worn_device.storage.operations[written:]
        if isinstance(operation, Written) and operation.path == slot
    ]
    assert len(mended) == 1
    assert worn_device.boot() == "B"
