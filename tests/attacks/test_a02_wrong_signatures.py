"""A02: metadata that is unsigned, or signed by a key that does not count."""

from itertools import permutations

import pytest
from support.attacks import refuses
from support.forgery import ROLES, SignsAs, delegator, need_two_keys
from support.memory_repository import Release, signer

from ota_client.errors import MetadataError


@pytest.mark.walk(6)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("how", ["no key", "another key", "another key in the right one's name"])
def test_metadata_by_the_wrong_key_is_refused(device, repository, role, how):
    genuine = repository.signers[role][0].public_key.keyid
    repository.signers[role] = {
        "no key": [],
        "another key": [signer("attacker")],
        "another key in the right one's name": [SignsAs("attacker", genuine)],
    }[how]
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    with refuses(device, MetadataError, "signed by 0/1 keys"):
        device.client.install()


@pytest.mark.walk(7)
@pytest.mark.parametrize(("role", "other"), [*permutations(ROLES, 2)])
def test_no_role_signs_for_another(device, repository, role, other):
    repository.signers[role] = repository.signers[other]
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    with refuses(device, MetadataError, "signed by 0/1 keys"):
        device.client.install()


@pytest.mark.parametrize("role", ROLES)
def test_one_signature_too_few_is_refused(device, repository, role):
    need_two_keys(repository, role)
    repository.publish_root()
    repository.publish()
    device.client.check()
    repository.signers[role] = repository.signers[role][:1]
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    with refuses(device, MetadataError, "signed by 1/2 keys"):
        device.client.install()


@pytest.mark.parametrize("role", ROLES)
def test_a_key_that_was_removed_counts_no_longer(device, repository, role):
    old = repository.signers[role][0]
    repository.replace_key(role, f"next {role}")
    repository.publish_root()
    repository.publish()
    device.client.check()
    repository.signers[role] = [old]
    assert old.public_key.keyid not in delegator(repository, role).get_delegated_role(role).keyids
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    with refuses(device, MetadataError, "signed by 0/1 keys"):
        device.client.install()
