"""A07: an old repository after TUF's cache was wiped, emptied, or swapped together with a slot."""

import shutil

import pytest
from support.attacks import floor_versions, refuses, unmoved
from support.forgery import published, serve_as
from support.memory_repository import Release

from ota_client.errors import MetadataRollbackError


def wipe(cache, _older):
    shutil.rmtree(cache)


def empty(cache, _older):
    for file in cache.rglob("*.json"):
        file.write_bytes(b"")


def empty_what_a_power_cut_empties(cache, _older):
    for name in ("timestamp.json", "snapshot.json"):
        (cache / name).write_bytes(b"")


def swap(cache, older):
    shutil.rmtree(cache)
    shutil.copytree(older, cache, symlinks=True)


LOSSES = pytest.mark.parametrize("lose", [wipe, empty, empty_what_a_power_cut_empties, swap])


@pytest.fixture
def attack(device, repository, tmp_path):
    """Lose the cache in one way; returns what the attacker recorded."""
    cache, older, recorded = device.client._cache_dir, tmp_path / "older", repository.copy()
    shutil.copytree(cache, older, symlinks=True)
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    device.client.check()
    return lambda lose: lose(cache, older) or recorded


@LOSSES
def test_an_old_repository_is_refused(device, repository, attack, lose):
    repository.files = attack(lose).files
    with refuses(device, MetadataRollbackError, "an old repository is being replayed"):
        device.client.install()


@pytest.mark.walk(6)
@LOSSES
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "gateway"])
def test_one_old_role_is_refused(device, repository, attack, lose, role):
    recorded = attack(lose)
    version = {**recorded.versions(), "gateway": recorded.releases.version}[role]
    serve_as(repository, role, published(recorded, role), version)
    with refuses(device, MetadataRollbackError):
        device.client.install()


@pytest.mark.parametrize("lose", [wipe, empty, swap])
def test_an_old_root_is_refused(device, repository, attack, lose):
    attack(lose)
    del repository.files["metadata/2.root.json"]
    with refuses(device, MetadataRollbackError, "role root: expected version 2 or newer, got 1"):
        device.client.install()


@LOSSES
def test_the_genuine_repository_mends_the_cache(device, repository, attack, lose):
    attack(lose)
    with unmoved(device):
        device.client.check()
    assert floor_versions(device) == repository.versions()
    assert all(file.stat().st_size for file in device.client._cache_dir.rglob("*.json"))


@pytest.mark.parametrize("rubbish", [b"{", b"[" * 100_000, b"\xff" * 999, b'{"signatures":[]}'])
def test_rubbish_in_the_cache_changes_nothing(device, rubbish):
    for file in device.client._cache_dir.rglob("*"):
        if file.is_file() and not file.is_symlink():
            file.write_bytes(rubbish)
    with unmoved(device):
        assert str(device.client.check().offered.version) == "1.1.0"


def test_signed_time_does_not_go_back_either(device, repository):
    before = device.state.load().trust_floor.signed_at
    repository.now = before.replace(year=before.year - 1)
    repository.timestamp.version += 10
    repository.publish_timestamp()
    with refuses(device, MetadataRollbackError, "expected it signed at"):
        device.client.install()
