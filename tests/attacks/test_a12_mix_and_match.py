"""A12: genuine metadata files of two moments mixed."""

import pytest
from support.attacks import floor_rises_to, refused, refuses
from support.forgery import content, published
from support.memory_repository import Release

from ota_client.errors import HttpStatusError, ManifestError, MetadataError


@pytest.fixture
def old(device, repository):
    """What an attacker recorded; since then there is a newer release."""
    recorded = repository.copy()
    repository.put(Release("1.2.0", rollback_index=2))
    return recorded


@pytest.mark.parametrize("role", ["snapshot", "targets", "gateway"])
def test_one_older_file_among_newer_ones_is_refused(device, repository, old, role):
    path = f"metadata/{content(repository, role).version}.{role}.json"
    repository.files[path] = published(old, role)
    with refuses(device, MetadataError):
        device.client.install()


def test_a_newer_timestamp_over_an_older_repository_is_refused(device, repository, old):
    old.files["metadata/timestamp.json"] = published(repository, "timestamp")
    repository.files = old.files
    with refuses(device, HttpStatusError):
        device.client.install()


@pytest.mark.parametrize("role", ["snapshot", "targets", "gateway"])
def test_two_files_of_one_version_are_told_apart_by_their_hash(device, repository, role):
    twin = repository.copy()
    twin.now = twin.now.replace(second=1)
    for each in (twin, repository):
        each.put(Release("1.2.0", rollback_index=2, notes=f"written at {each.now}"))
    path = f"metadata/{content(repository, role).version}.{role}.json"
    assert twin.files[path] != repository.files[path]
    repository.files[path] = twin.files[path]
    with refuses(device, MetadataError):
        device.client.install()


def test_a_channel_whose_manifest_is_not_the_releases_own_is_refused(device, repository):
    twin = repository.copy()
    manifest = twin.add(Release("1.1.0", rollback_index=2, notes="another"), channel=None)
    repository.add_manifest("gateway/channels/stable.json", manifest)
    repository.publish()
    with floor_rises_to(device, repository), refused(ManifestError, "channel stable"):
        device.client.install()
