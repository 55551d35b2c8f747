"""A20: fewer keys than the threshold stolen; both online keys stolen."""

import pytest
from support.attacks import floor_rises_to, refuses
from support.forgery import need_two_keys
from support.memory_repository import Release, signer

from ota_client.errors import MetadataError, MetadataRollbackError, UnknownReleaseError


@pytest.fixture
def thief(device, repository):
    """Has the server, and both online keys; not one offline key."""
    thief = repository.copy()
    for role in ("root", "targets", "gateway"):
        thief.signers[role] = [signer("thief")]
    repository.files = thief.files
    return thief


@pytest.mark.parametrize("role", ["targets", "gateway"])
def test_online_keys_sign_no_release(device, thief, role):
    thief.add(Release("9.0.0", rollback_index=2))
    (thief.publish_targets if role == "targets" else thief.publish_product)()
    thief.publish_snapshot()
    thief.publish_timestamp()
    with refuses(device, MetadataError, f"{role} was signed by 0/1 keys"):
        device.client.install()


def test_online_keys_appoint_no_other_keys(device, thief):
    thief.root.add_key(signer("thief").public_key, "targets")
    thief.publish_root()
    thief.publish()
    with refuses(device, MetadataError, "root was signed by 0/1 keys"):
        device.client.install()


def test_online_keys_bring_no_old_release_back(device, repository, thief):
    old = thief.releases.version
    genuine = repository.copy()
    genuine.signers["gateway"] = [signer("gateway")]
    genuine.signers["targets"] = [signer("targets")]
    genuine.put(Release("1.2.0", rollback_index=2))
    repository.files = genuine.files
    device.client.check()
    thief.snapshot.version = thief.timestamp.version = 50
    thief.publish_snapshot()
    thief.publish_timestamp()
    repository.files = thief.files
    assert thief.snapshot.meta["gateway.json"].version == old
    with refuses(device, MetadataRollbackError):
        device.client.install()


def test_the_harm_of_online_keys_is_a_freeze_at_genuine_metadata(device, repository, thief):
    thief.publish_snapshot()
    thief.publish_timestamp()
    with floor_rises_to(device, thief):
        assert str(device.client.check().offered.version) == "1.1.0"


@pytest.mark.parametrize("stolen", [0, 1])
@pytest.mark.parametrize("role", ["root", "targets", "gateway"])
def test_one_of_two_offline_keys_is_not_enough(device, repository, role, stolen):
    need_two_keys(repository, role)
    repository.publish_root()
    repository.publish()
    device.client.check()
    repository.signers[role] = [repository.signers[role][stolen], signer("thief")]
    repository.publish_root()
    repository.put(Release("9.0.0", rollback_index=2))
    with refuses(device, MetadataError, f"{role} was signed by 1/2 keys"):
        device.client.install()


def test_the_targets_key_alone_releases_nothing_beside_the_products_role(device, repository):
    thief = repository.copy()
    thief.targets.targets.update(thief.releases.targets)
    thief.releases.targets.clear()
    thief.publish_product()
    thief.publish_targets()
    thief.publish_snapshot()
    thief.publish_timestamp()
    repository.files = thief.files
    with floor_rises_to(device, thief), pytest.raises(UnknownReleaseError):
        device.client.install()
