"""C08: a device of two images is given one of one release and one of another."""

from dataclasses import replace

import pytest
from support.attacks import nothing_activated, refused, refuses
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device

from ota_client.errors import (
    FetchError,
    ManifestError,
    PayloadError,
    SlotMismatchError,
    VerificationError,
)

IMAGES = ("kernel", "rootfs")


def release(version):
    contents = tuple((image, f"{image} of {version} ".encode() * 700) for image in IMAGES)
    return Release(version, rollback_index=2, images=contents)


@pytest.fixture
def repository():
    repository = MemoryRepository()
    repository.put(release("1.1.0"))
    repository.put(release("1.1.1"))
    return repository


@pytest.fixture
def device(tmp_path, repository):
    device = make_device(tmp_path, repository, images=IMAGES)
    device.client.check()
    return device


def published(repository, path):
    target = repository.releases.targets[path]
    return f"targets/{target.get_prefixed_paths()[0]}"


@pytest.mark.parametrize(
    ("file", "error"), [("kernel.index", VerificationError), ("rootfs.data", PayloadError)]
)
def test_c08_a_server_that_serves_another_releases_file_is_found_out(device, repository, file, error):
    old = repository.files[published(repository, f"gateway/1.1.0/{file}")]
    repository.files[published(repository, f"gateway/1.1.1/{file}")] = old
    with nothing_activated(device), refused(error):
        device.client.install()


def test_c08_the_images_of_one_release_swapped_by_the_server_are_found_out(device, repository):
    one, other = (published(repository, f"gateway/1.1.1/{image}.data") for image in IMAGES)
    files = repository.files
    files[one], files[other] = files[other], files[one]
    with nothing_activated(device), refused(PayloadError):
        device.client.install()


def test_c08_a_release_whose_listed_files_are_of_another_release_is_refused(device, repository):
    """The product's key signed a mixture: the manifest of 1.1.1 with the rootfs of 1.1.0."""
    for suffix in ("index", "data"):
        old = repository.files[published(repository, f"gateway/1.1.0/rootfs.{suffix}")]
        repository.add_target(f"gateway/1.1.1/rootfs.{suffix}", old)
    repository.publish()
    with refused(ManifestError, "image rootfs"):
        device.client.check()
    with refuses(device, ManifestError, "image rootfs"):
        device.client.install()


def test_c08_a_channel_whose_manifest_is_not_the_releases_own_is_refused(device, repository):
    manifest = repository.add(release("1.2.0"))
    old = repository.add(release("1.1.9"), channel=None)
    mixed = replace(manifest, images=(manifest.images[0], old.images[1]))
    repository.add_manifest("gateway/channels/stable.json", mixed)
    repository.publish()
    with refused(ManifestError):
        device.client.check()
    with refuses(device, ManifestError):
        device.client.install()


@pytest.mark.parametrize("image", IMAGES)
def test_c08_a_release_of_one_image_only_is_refused(device, repository, image):
    repository.put(Release("1.2.0", rollback_index=2, images=((image, b"alone" * 100),)))
    with refused(SlotMismatchError):
        device.client.install()
    with refuses(device, SlotMismatchError, "expected images for kernel, rootfs"):
        device.client.install()


def test_c08_with_one_image_written_and_the_other_out_of_reach_nothing_is_activated(device, repository):
    path = published(repository, "gateway/1.1.1/rootfs.data")
    data = repository.files.pop(path)
    with nothing_activated(device), pytest.raises(FetchError):
        device.client.install()
    assert device.boot() == "A"
    repository.files[path] = data
    assert device.client.install().installed


def test_c08_an_image_left_by_an_interrupted_release_is_not_completed_by_another(device, repository):
    del repository.files[published(repository, "gateway/1.1.1/rootfs.data")]
    with pytest.raises(FetchError):
        device.client.install()
    repository.put(release("1.1.2"))
    assert device.client.install().installed
    paths = device.config.slots["B"]
    for image, content in release("1.1.2").images:
        assert device.storage.files()[paths[image]].rstrip(b"\0") == content
