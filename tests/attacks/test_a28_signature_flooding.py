"""A28: thousands of signatures; a device verifies no more than the role has keys."""

import json

import pytest
from securesystemslib.signer import SSlibKey
from support.attacks import refuses, unmoved
from support.forgery import ROLES, content, published, serve_as
from support.memory_repository import Release

from ota_client.errors import MetadataError, ResponseTooLongError

MANY = 3000


@pytest.fixture
def verified(monkeypatch):
    """By key id, one entry for each signature that is verified."""
    key_ids, verify = [], SSlibKey.verify_signature

    def spy(key, signature, data):
        key_ids.append(signature.keyid)
        return verify(key, signature, data)

    monkeypatch.setattr(SSlibKey, "verify_signature", spy)
    return key_ids


def flood(repository, role, count):
    """Add signatures by keys that nobody knows to a role's metadata."""
    metadata = json.loads(published(repository, role))
    metadata["signatures"] += [{"keyid": f"{n:064x}", "sig": "00" * 64} for n in range(count)]
    data = json.dumps(metadata, separators=(",", ":")).encode()
    serve_as(repository, role, data, content(repository, role).version)


@pytest.mark.parametrize("role", [role for role in ROLES if role not in {"root", "timestamp"}])
def test_signatures_of_unknown_keys_are_not_verified(device, repository, verified, role):
    repository.put(Release("1.2.0", rollback_index=2))
    flood(repository, role, MANY)
    assert str(device.client.check().offered.version) == "1.2.0"
    known = {key.public_key.keyid for keys in repository.signers.values() for key in keys}
    assert set(verified) <= known
    assert len(verified) < 20


def test_a_flooded_root_within_its_limit_costs_one_signature_a_key(device, repository, verified):
    repository.publish_root()
    repository.publish()
    flood(repository, "root", 2000)
    assert device.client.check().offered is not None
    assert len(verified) < 20


@pytest.mark.parametrize("role", ["root", "timestamp"])
def test_a_flood_beyond_the_limit_is_not_read(device, repository, verified, role):
    repository.publish_root()
    repository.publish()
    flood(repository, role, MANY)
    with refuses(device, ResponseTooLongError):
        device.client.install()
    assert len(verified) < 20


@pytest.mark.parametrize("role", ROLES)
def test_thousands_of_bad_signatures_in_the_right_keys_name_are_refused(device, repository, role):
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    metadata = json.loads(published(repository, role))
    count = 50 if role == "timestamp" else 2000
    metadata["signatures"] = [{**metadata["signatures"][0], "sig": "00" * 64}] * count
    serve_as(repository, role, json.dumps(metadata).encode(), content(repository, role).version)
    with refuses(device, MetadataError):
        device.client.install()


def test_more_keys_than_a_device_remembers_are_refused(device, repository):
    key = repository.signers["timestamp"][0].public_key
    with unmoved(device):
        device.client.check()
    for number in range(64):
        public = f"{number:064x}"
        repository.root.add_key(SSlibKey(public, "ed25519", "ed25519", {"public": public}), "timestamp")
    assert key.keyid in repository.root.roles["timestamp"].keyids
    repository.publish_root()
    repository.publish()
    with refuses(device, MetadataError, "at most 64 keys"):
        device.client.install()


def test_a_key_id_longer_than_a_device_remembers_is_refused(device, repository):
    key = SSlibKey("x" * 200_000, "ed25519", "ed25519", {"public": "0" * 64})
    repository.root.add_key(key, "timestamp")
    repository.publish_root()
    repository.publish()
    with refuses(device, MetadataError, "ids of at most 512 characters"):
        device.client.install()
