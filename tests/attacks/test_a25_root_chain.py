"""A25: hundreds of roots since the device was made."""

from datetime import timedelta

import pytest
from support.attacks import floor_versions, refuses
from support.memory_repository import START, MemoryRepository, Release
from support.simulated import make_device

from ota_client.errors import RootChainError
from ota_client.metadata_checks import ROOT_CHAIN_MOST


def with_roots(count, *, days=0):
    """A repository with so many roots after the pinned one, the first ones long expired."""
    repository = MemoryRepository()
    for number in range(count):
        repository.now = START + timedelta(days=number * days)
        repository.publish_root()
    repository.put(Release("1.1.0", rollback_index=2))
    return repository


def test_the_longest_chain_that_is_walked(tmp_path):
    repository = with_roots(ROOT_CHAIN_MOST - 1)
    device = make_device(tmp_path, repository)
    assert device.client.check().offered is not None
    assert floor_versions(device)["root"] == ROOT_CHAIN_MOST


@pytest.mark.walk(1)
@pytest.mark.parametrize("days", [0, 7], ids=["all valid", "the last one walked has expired"])
def test_a_longer_chain_is_refused_with_the_way_out(tmp_path, days):
    repository = with_roots(ROOT_CHAIN_MOST + 60, days=days)
    device = make_device(tmp_path, repository)
    device.client.mark_good()
    with refuses(device, RootChainError, "embed a newer root.json in the firmware"):
        device.client.install()
    assert len(repository.requests) <= ROOT_CHAIN_MOST + len(repository.versions())


def test_a_chain_whose_later_keys_signed_all_else_is_refused_as_too_long(tmp_path):
    repository = with_roots(ROOT_CHAIN_MOST)
    repository.replace_key("timestamp", "next timestamp")
    repository.publish_root()
    repository.publish()
    device = make_device(tmp_path, repository)
    device.client.mark_good()
    with refuses(device, RootChainError):
        device.client.install()


def test_a_newer_pinned_root_is_the_way_out(tmp_path):
    repository = with_roots(ROOT_CHAIN_MOST + 10)
    repository.pinned_root = repository.files["metadata/200.root.json"]
    device = make_device(tmp_path, repository)
    assert device.client.check().offered is not None
    assert len(repository.requests) < 100
