"""A17: files and images that nobody asked for are neither fetched nor installed."""

import pytest
from support.attacks import refuses
from support.memory_repository import Release
from support.simulated import make_device

from ota_client.errors import SlotMismatchError


def fetched_targets(repository):
    names = (url.rpartition("/targets/")[2] for url in repository.requests if "/targets/" in url)
    return sorted(name.rpartition(".")[2] for name in names)


def test_only_what_the_manifest_names_is_fetched(device, repository):
    repository.add_target("gateway/1.1.0/bootloader.data", b"evil" * 1000)
    repository.add_target("gateway/1.1.0/rootfs.dependency", b"evil" * 1000)
    repository.put(Release("1.2.0", rollback_index=2))
    repository.requests.clear()
    device.client.install()
    assert fetched_targets(repository) == ["data", "index", "json"]
    assert not any("/1.1.0/" in url for url in repository.requests)


@pytest.mark.parametrize(
    "names",
    [("rootfs", "bootloader"), ("bootloader",), ("rootfs2",), ("a", "rootfs")],
    ids="+".join,
)
def test_a_release_with_other_images_than_the_devices_own_is_refused_whole(device, repository, names):
    images = tuple((name, b"image" * 100) for name in names)
    repository.put(Release("1.2.0", rollback_index=2, images=images))
    device.client.check()
    repository.requests.clear()
    with refuses(device, SlotMismatchError, "expected images for rootfs, got"):
        device.client.install()
    assert fetched_targets(repository) == []


def test_a_release_that_lacks_an_image_is_refused_whole(tmp_path, repository):
    device = make_device(tmp_path, repository, images=("rootfs", "kernel"))
    device.client.check()
    with refuses(device, SlotMismatchError, "expected images for kernel, rootfs, got rootfs"):
        device.client.install()
