"""A13: metadata versions driven far ahead by a stolen key, and the way back."""

from datetime import timedelta

import pytest
from support.attacks import floor_rises_to, floor_versions, refuses
from support.forgery import content
from support.memory_repository import START, Release

from ota_client.errors import ExpiredError, MetadataError, MetadataRollbackError

FAR = 2**31


def len_of(number):
    return f"{len(str(number))} digits"


@pytest.fixture
def honest(device, repository):
    """The release engineers' own repository; the device has trusted what a thief signed since."""
    honest = repository.copy()
    repository.snapshot.version = repository.timestamp.version = FAR - 1
    repository.now += timedelta(days=100)
    repository.publish_snapshot()
    repository.publish_timestamp()
    repository.now -= timedelta(days=100)
    device.client.check()
    assert floor_versions(device)["timestamp"] == FAR
    return honest


def test_genuine_metadata_looks_old_after_a_fast_forward(device, repository, honest):
    honest.put(Release("1.2.0", rollback_index=2))
    repository.files = honest.files
    with refuses(device, MetadataRollbackError):
        device.client.install()


@pytest.mark.parametrize("roles", [["timestamp", "snapshot"], ["snapshot", "timestamp"]])
def test_new_online_keys_bring_devices_back_in_versions_and_in_time(device, repository, honest, roles):
    for role in roles:
        honest.replace_key(role, f"next {role}")
    honest.publish_root()
    honest.publish()
    repository.files = honest.files
    with floor_rises_to(device, honest):
        assert device.client.check().offered is not None
    assert device.state.load().trust_floor.signed_at == START
    assert device.client.install().installed


def test_the_stolen_keys_are_worth_nothing_afterwards(device, repository, honest):
    stolen = dict(repository.signers)
    for role in ("timestamp", "snapshot"):
        honest.replace_key(role, f"next {role}")
    honest.publish_root()
    honest.publish()
    repository.files = honest.files
    device.client.check()
    attacker = honest.copy()
    attacker.signers |= {role: stolen[role] for role in ("timestamp", "snapshot")}
    attacker.snapshot.version = attacker.timestamp.version = FAR
    attacker.publish()
    repository.files = attacker.files
    with refuses(device, MetadataError):
        device.client.install()


def test_a_stolen_product_key_is_recovered_from_by_new_keys(device, repository):
    honest = repository.copy()
    repository.releases.version = FAR - 1
    repository.publish()
    device.client.check()
    assert floor_versions(device)["gateway"] == FAR
    for role in ("timestamp", "snapshot", "gateway"):
        honest.replace_key(role, f"next {role}")
    honest.publish_root()
    honest.targets.version = repository.targets.version
    honest.publish()
    repository.files = honest.files
    with floor_rises_to(device, honest):
        assert device.client.check().offered is not None


@pytest.mark.walk(4)
@pytest.mark.parametrize("version", [2**53, 2**63, 10**40, 10**4000], ids=len_of)
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "gateway"])
def test_a_version_that_the_device_could_not_remember_is_refused(device, repository, role, version):
    content(repository, role).version = version - 1
    repository.publish()
    with refuses(device, MetadataError):
        device.client.install()
    device.client.status()


def test_a_signed_time_driven_ahead_is_bounded_by_the_offline_keys_expiry(device, repository):
    repository.now += timedelta(days=181)
    repository.publish_snapshot()
    repository.publish_timestamp()
    repository.now = START
    with refuses(device, ExpiredError, "role gateway"):
        device.client.install()
