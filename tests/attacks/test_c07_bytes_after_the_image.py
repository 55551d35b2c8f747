"""C07: bytes after the image, in the payload or in the slot."""

from dataclasses import replace

import pytest
from support.attacks import nothing_activated, refused
from support.memory_repository import Release, encode
from support.simulated import SLOT_BYTES

from ota_client.errors import ManifestError, PayloadError
from ota_client.payload import Index


def slot(device, name):
    return device.storage.files()[device.config.slots[name]["rootfs"]]


def update(device):
    device.client.install()
    device.boot()
    device.client.mark_good()


def test_c07_the_tail_of_a_longer_older_image_is_zeroed(device, repository):
    long, short = bytes(range(256)) * 250, b"short" * 300
    for version, image in (("1.1.1", long), ("1.1.2", long), ("1.1.3", short)):
        repository.put(Release(version, rollback_index=2, images=(("rootfs", image),)))
        update(device)
    # 1.1.3 went where 1.1.1 had been
    assert slot(device, device.booted) == short.ljust(SLOT_BYTES, b"\0")
    assert slot(device, "A") == long.ljust(SLOT_BYTES, b"\0")


def test_c07_what_somebody_left_behind_the_image_is_zeroed(device):
    path = device.config.slots["B"]["rootfs"]
    with device.storage.open(path, writable=True) as file:
        file.write_at(SLOT_BYTES - 100, b"#!/bin/sh evil")
    device.client.install()
    assert slot(device, "B") == (b"firmware" * 1000).ljust(SLOT_BYTES, b"\0")


def test_c07_bytes_that_a_server_appends_to_the_data_are_not_read(device, repository):
    for path, data in repository.files.items():
        if path.endswith(".data"):
            repository.files[path] = data + b"evil" * 1000
    device.client.install()
    assert slot(device, "B") == (b"firmware" * 1000).ljust(SLOT_BYTES, b"\0")


@pytest.mark.parametrize("more", [1, -1, 4096])
def test_c07_a_manifest_that_names_another_length_than_the_payload_is_refused(device, repository, more):
    manifest = repository.add(Release("1.2.0", rollback_index=2))
    image = manifest.images[0]
    longer = replace(manifest, images=(replace(image, size_bytes=image.size_bytes + more),))
    for path in ("1.2.0/manifest.json", "channels/stable.json"):
        repository.add_manifest(f"gateway/{path}", longer)
    repository.publish()
    device.client.check()
    with nothing_activated(device), refused(ManifestError, "describe two images"):
        device.client.install()


@pytest.mark.parametrize("more", [1, 4096])
def test_c07_an_index_of_frames_that_do_not_fill_the_data_is_refused(more):
    index, data = encode(b"firmware" * 1000)
    packed = replace(index, data_bytes=len(data) + more).to_bytes()
    with refused(PayloadError, "expected frames of"):
        Index.from_bytes(packed)


def test_c07_an_index_with_an_entry_too_many_is_refused():
    index, _ = encode(b"firmware" * 1000)
    packed = index.to_bytes()
    with refused(PayloadError):
        Index.from_bytes(packed + packed[-69:])
