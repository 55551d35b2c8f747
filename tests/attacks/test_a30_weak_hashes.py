"""A30: metadata and targets that are pinned by md5 or sha1 only."""

import hashlib

import pytest
from support.attacks import floor_rises_to, refused, refuses
from support.forgery import published
from support.memory_repository import Release
from tuf.api.metadata import MetaFile

from ota_client.errors import MetadataError, WeakHashError

WEAK = [["md5"], ["sha1"], ["md5", "sha1"], ["blake2s"], ["sha224"]]


def listed(data, version, names):
    hashes = {name: hashlib.new(name, data).hexdigest() for name in names}
    return MetaFile(version, len(data), hashes or None)


@pytest.mark.parametrize("names", [*WEAK, []], ids=str)
def test_a_snapshot_pinned_by_weak_hashes_is_refused(device, repository, names):
    repository.publish_snapshot()
    data = published(repository, "snapshot")
    repository.timestamp.snapshot_meta = listed(data, repository.snapshot.version, names)
    repository.publish_timestamp()
    with refuses(device, WeakHashError, "snapshot.json: expected a sha256 or sha512"):
        device.client.install()


@pytest.mark.walk(5)
@pytest.mark.parametrize("role", ["targets", "gateway"])
@pytest.mark.parametrize("names", [*WEAK, []], ids=str)
def test_metadata_pinned_by_weak_hashes_is_refused(device, repository, role, names):
    version = repository.snapshot.meta[f"{role}.json"].version
    data = published(repository, role)
    repository.snapshot.meta[f"{role}.json"] = listed(data, version, names)
    repository.publish_snapshot()
    repository.publish_timestamp()
    with refuses(device, WeakHashError, f"{role}.json: expected a sha256 or sha512"):
        device.client.install()


@pytest.mark.parametrize("names", [["sha256"], ["sha512"], ["sha256", "md5"]], ids=str)
def test_a_strong_hash_beside_others_is_enough(device, repository, names):
    repository.put(Release("1.2.0", rollback_index=2))
    data = published(repository, "gateway")
    repository.snapshot.meta["gateway.json"] = listed(data, repository.releases.version, names)
    repository.publish_snapshot()
    repository.publish_timestamp()
    assert str(device.client.check().offered.version) == "1.2.0"


@pytest.mark.walk(6)
@pytest.mark.parametrize("path", ["channels/stable.json", "1.1.0/rootfs.index", "1.1.0/rootfs.data"])
@pytest.mark.parametrize("names", [*WEAK, ["sha512"]], ids=str)
def test_a_file_pinned_by_weak_hashes_is_refused(device, repository, path, names):
    target = repository.releases.targets[f"gateway/{path}"]
    data = repository.files[f"targets/{target.get_prefixed_paths()[0]}"]
    target.hashes = {name: hashlib.new(name, data).hexdigest() for name in names}
    repository.publish()
    with floor_rises_to(device, repository), refused(WeakHashError, "expected a sha256, got"):
        device.client.install()


@pytest.mark.parametrize("name", ["shake_128", "no-such-hash", ""])
def test_a_hash_of_another_kind_is_refused(device, repository, name):
    listed = repository.snapshot.meta["gateway.json"]
    listed.hashes = {name: "00", **listed.hashes}
    repository.publish_snapshot()
    repository.publish_timestamp()
    with refuses(device, MetadataError):
        device.client.install()
