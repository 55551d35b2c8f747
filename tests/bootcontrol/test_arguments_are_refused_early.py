"""A release whose root hash the boot loader cannot pass on is refused before anything is downloaded."""

import pytest
from support.boot_loaders.models import MODELS
from support.memory_repository import Release
from support.simulated import FACTORY_IMAGE, SLOT_BYTES, make_config

from ota_client.errors import BootControlError
from ota_client.testing import SimulatedDevice, SimulatedStorage
from ota_client.verity import Verity


@pytest.mark.parametrize("name", ["custom", "raspberry-pi"])
def test_nothing_is_written_for_a_root_hash_that_cannot_be_passed(name, repository, tmp_path):
    model = MODELS[name]
    config = model.adapt(make_config(tmp_path, repository.pinned_root, boot=model.boot))
    loader = model.loader(config)
    files = SimulatedDevice.factory_files(
        config, image=FACTORY_IMAGE, slot_bytes=SLOT_BYTES, boot_loader=loader
    )
    tree = Verity("ab" * 32, "cd" * 32, data_blocks=2)
    images = (("rootfs", bytes(tree.image_bytes)),)
    repository.put(Release("1.2.0", rollback_index=2, images=images, hash_trees={"rootfs": tree}))
    device = SimulatedDevice(
        config,
        SimulatedStorage(files),
        fetcher=repository,
        clock=lambda: repository.now,
        boot_loader=loader,
    )
    slots = {path: data for path, data in device.storage.files().items() if "/slots/" in path}
    with pytest.raises(BootControlError, match="expected no kernel arguments"):
        device.client.install()
    assert {path: device.storage.files()[path] for path in slots} == slots
