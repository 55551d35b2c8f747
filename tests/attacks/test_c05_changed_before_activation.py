"""C05: the slot is changed between its verification and its activation."""

import pytest
from support.attacks import nothing_activated, refused
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device

from ota_client.errors import ReadBackError
from ota_client.progress import Stage
from ota_client.testing import Written


class Saboteur:
    """Writes into a slot as soon as the installation has come to a stage."""

    def __init__(self, device, image, offset, stage):
        self.device, self.stage = device, stage
        self.write = Written(device.config.slots["B"][image], offset, b"evil")

    def __call__(self, progress):
        if progress.stage is self.stage and progress.done_bytes == progress.total_bytes:
            self.device.storage.apply(self.write)


@pytest.mark.parametrize("offset", [0, 4096, 7996])
def test_c05_what_changed_after_it_was_written_is_found_before_the_activation(device, offset):
    saboteur = Saboteur(device, "rootfs", offset, Stage.DOWNLOADING)
    with nothing_activated(device), refused(ReadBackError):
        device.client.install(progress=saboteur)
    assert device.boot() == "A"
    assert device.client.install().installed


def test_c05_each_image_of_the_group_is_read_back(tmp_path):
    repository = MemoryRepository()
    images = (("kernel", b"kernel" * 1000), ("rootfs", b"rootfs" * 1000))
    repository.put(Release("1.1.0", images=images))
    device = make_device(tmp_path, repository, images=("kernel", "rootfs"))
    device.client.check()
    for image in ("kernel", "rootfs"):
        saboteur = Saboteur(device, image, 100, Stage.DOWNLOADING)
        with nothing_activated(device), refused(ReadBackError, f"image {image}"):
            device.client.install(progress=saboteur)


def test_c05_what_lies_behind_the_read_back_is_one_atomic_write_away(device):
    """After the read back nothing is fetched, decided or written but the memory and the activation."""
    done = []

    def note(progress):
        if progress.stage is Stage.VERIFYING and progress.done_bytes == progress.total_bytes:
            done.append(len(device.storage.operations))

    device.client.install(progress=note)
    after = device.storage.operations[done[-1] :]
    written = [o.path.rpartition("/")[2] for o in after if isinstance(o, Written)]
    assert [name.split(".")[0] for name in written] == ["state", "boot", "state"]
