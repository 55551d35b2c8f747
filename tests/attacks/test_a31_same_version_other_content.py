"""A31: the same version again, with other content."""

from datetime import timedelta

import pytest
from support.attacks import floor_rises_to, refuses, unmoved
from support.forgery import published
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device

from ota_client.errors import MetadataError


def test_the_running_release_is_not_replaced_by_another_of_its_version(tmp_path):
    repository = MemoryRepository()
    repository.put(Release("1.0.0", rollback_index=1))
    device = make_device(tmp_path, repository)
    device.client.check()
    repository.put(Release("1.0.0", rollback_index=7, images=(("rootfs", b"evil" * 999),)))
    with floor_rises_to(device, repository):
        check = device.client.install()
    assert check.offered is None
    assert not check.installed


def test_a_confirmed_release_is_not_replaced_by_another_of_its_version(device, repository):
    device.client.install()
    device.boot()
    device.client.mark_good()
    repository.put(Release("1.1.0", rollback_index=9, images=(("rootfs", b"evil" * 999),)))
    device.client.check()
    with unmoved(device):
        assert device.client.install().offered is None
    assert device.client.status().stored_rollback_index == 2


def test_a_timestamp_of_the_same_version_is_not_taken(device, repository):
    """TUF 5.4.3.1: an equal version keeps the old one, and everything below it."""
    twin = repository.copy()
    twin.timestamp.version -= 1
    twin.add(Release("1.2.0", rollback_index=2))
    twin.publish()
    assert twin.timestamp.version == repository.timestamp.version
    repository.files = {
        **twin.files,
        **{p: d for p, d in repository.files.items() if "timestamp" not in p},
    }
    with unmoved(device):
        assert str(device.client.check().offered.version) == "1.1.0"


@pytest.mark.parametrize("role", ["snapshot", "targets", "gateway"])
def test_a_file_of_the_same_version_with_other_content_is_refused(device, repository, role, tmp_path):
    """The cache is gone, so that the device must fetch; the hash in the list decides."""
    twin = repository.copy()
    content = {"snapshot": twin.snapshot, "targets": twin.targets, "gateway": twin.releases}[role]
    content.expires += timedelta(seconds=1)
    path = f"metadata/{content.version}.{role}.json"
    repository.files[path] = twin.sign(role, content)
    assert repository.files[path] != published(twin, role)
    for name in ("snapshot", "targets", "gateway"):
        (device.client._cache_dir / f"{name}.json").unlink()
    with refuses(device, MetadataError):
        device.client.install()
