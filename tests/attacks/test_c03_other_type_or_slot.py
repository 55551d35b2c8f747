"""C03: a payload is read as another type, or written to another slot, than was signed."""

from dataclasses import replace

import pytest
from support.attacks import floor_rises_to, nothing_activated, refused, refuses
from support.memory_repository import MemoryRepository, Release, encode
from support.simulated import make_device

from ota_client.errors import ManifestError, PayloadError, SlotMismatchError
from ota_client.formats.strict import canonical_json, parse_canonical_json

KIND_OFFSET = 8  # after the magic; 1 is a delta, of which C06 tells


def offer(repository, change):
    """Publish 1.2.0 with its manifest's fields changed, signed by the product's own key."""
    manifest = repository.add(Release("1.2.0", rollback_index=2))
    fields = parse_canonical_json(
        manifest.to_bytes(), max_bytes=10_000, what="manifest", error=ManifestError
    )
    change(fields)
    for path in ("1.2.0/manifest.json", "channels/stable.json"):
        repository.add_target(f"gateway/{path}", canonical_json(fields))
    repository.publish()


@pytest.mark.parametrize("slot", ["A", "/dev/mmcblk0", "../A-rootfs", "rootfs/", "", "ROOTFS"])
def test_c03_a_device_path_in_place_of_a_slots_name_is_refused(device, repository, slot):
    def to_slot(fields):
        fields["images"][0]["slot"] = slot

    offer(repository, to_slot)
    with floor_rises_to(device, repository), refused(ManifestError, "slot"):
        device.client.install()


def test_c03_an_image_for_a_slot_that_the_device_does_not_have_is_refused(device, repository):
    repository.put(Release("1.2.0", rollback_index=2, images=(("bootloader", b"loader" * 100),)))
    with refused(SlotMismatchError):
        device.client.install()
    with refuses(device, SlotMismatchError, "expected images for rootfs, got bootloader"):
        device.client.install()


@pytest.mark.parametrize("form", ["ratchet-regions/2", "raw", "tar", "ratchet-delta/1", ""])
def test_c03_a_payload_of_another_format_is_refused(device, repository, form):
    def of_format(fields):
        fields["images"][0]["payload"]["format"] = form

    offer(repository, of_format)
    with floor_rises_to(device, repository), refused(ManifestError, "format"):
        device.client.install()


@pytest.mark.parametrize("kind", [1, 2, 2**31])
def test_c03_an_index_of_an_unknown_kind_is_refused(tmp_path, monkeypatch, kind):
    index, data = encode(b"firmware" * 1000)
    packed = index.to_bytes()
    foreign = packed[:KIND_OFFSET] + kind.to_bytes(4, "big") + packed[KIND_OFFSET + 4 :]
    repository = signed_with_index(monkeypatch, foreign, index, data)
    device = make_device(tmp_path, repository)
    device.client.check()
    with nothing_activated(device), refused(PayloadError, f"got b'RTCHidx1' of kind {kind}$"):
        device.client.install()


def test_c03_a_file_that_is_no_index_is_refused(tmp_path, monkeypatch):
    index, data = encode(b"firmware" * 1000)
    repository = signed_with_index(monkeypatch, b"#!/bin/sh\n".ljust(1000), index, data)
    device = make_device(tmp_path, repository)
    device.client.check()
    with nothing_activated(device), refused(PayloadError):
        device.client.install()


def signed_with_index(monkeypatch, packed, index, data):
    """A repository whose release engineers signed these bytes as the index."""

    class Foreign:
        def to_bytes(self):
            return packed

        def __getattr__(self, name):
            return getattr(index, name)

    monkeypatch.setattr("support.memory_repository.encode", lambda _: (Foreign(), data))
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2))
    return repository


def test_c03_the_images_of_one_release_are_not_interchangeable(tmp_path):
    repository = MemoryRepository()
    manifest = repository.add(
        Release("1.1.0", images=(("kernel", b"kernel" * 1000), ("rootfs", b"rootfs" * 1000)))
    )
    kernel, rootfs = manifest.images
    swapped = (replace(kernel, slot="rootfs"), replace(rootfs, slot="kernel"))
    exchanged = replace(manifest, images=swapped)
    for path in ("1.1.0/manifest.json", "channels/stable.json"):
        repository.add_manifest(f"gateway/{path}", exchanged)
    repository.publish()
    device = make_device(tmp_path, repository, images=("kernel", "rootfs"))
    with refused(ManifestError, "different payloads"):
        device.client.install()
    assert not device.boot_control.status().slots["B"].bootable
