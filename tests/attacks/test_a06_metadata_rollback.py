"""A06: older metadata than the device has seen, its TUF cache intact."""

import pytest
from support.attacks import refuses
from support.forgery import published, serve_as
from support.memory_repository import Release
from tuf.api.metadata import MetaFile

from ota_client.errors import MetadataError, MetadataRollbackError


@pytest.fixture
def old(device, repository):
    """The repository as an attacker recorded it; the device has seen newer metadata of every role."""
    recorded = repository.copy()
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=3))
    device.client.check()
    return recorded


def test_an_old_repository_is_refused(device, repository, old):
    repository.files = old.files
    with refuses(device, MetadataRollbackError):
        device.client.install()


def test_an_old_timestamp_is_refused(device, repository, old):
    repository.files["metadata/timestamp.json"] = published(old, "timestamp")
    with refuses(device, MetadataRollbackError, "timestamp"):
        device.client.install()


def test_an_old_root_in_place_of_the_next_is_refused(device, repository, old):
    repository.files["metadata/3.root.json"] = published(old, "root")
    with refuses(device, MetadataRollbackError, "Expected root version 3"):
        device.client.install()


@pytest.mark.parametrize("role", ["snapshot", "targets", "gateway"])
def test_an_old_file_that_stolen_online_keys_list_again_is_refused(device, repository, old, role):
    version = {**old.versions(), "gateway": old.releases.version}[role]
    serve_as(repository, role, published(old, role), version)
    with refuses(device, MetadataRollbackError):
        device.client.install()


@pytest.mark.parametrize("role", ["targets", "gateway"])
def test_a_role_dropped_from_the_snapshot_is_refused(device, repository, role):
    del repository.snapshot.meta[f"{role}.json"]
    repository.publish_snapshot()
    repository.publish_timestamp()
    with refuses(device, MetadataError, f"missing info for '{role}.json'"):
        device.client.install()


@pytest.mark.parametrize("role", ["targets", "gateway"])
def test_a_role_dropped_from_the_first_snapshot_of_a_device_is_refused(repository, device, role):
    (device.client._cache_dir / "snapshot.json").unlink()
    del repository.snapshot.meta[f"{role}.json"]
    repository.publish_snapshot()
    repository.publish_timestamp()
    with refuses(device, MetadataError):
        device.client.install()


def test_a_version_that_only_the_list_raises_is_refused(device, repository):
    listed = repository.snapshot.meta["gateway.json"]
    version = listed.version + 1
    repository.snapshot.meta["gateway.json"] = MetaFile(version, listed.length, listed.hashes)
    repository.files[f"metadata/{version}.gateway.json"] = published(repository, "gateway")
    repository.publish_snapshot()
    repository.publish_timestamp()
    with refuses(device, MetadataRollbackError, "Expected gateway v"):
        device.client.install()
