"""A23: a root signed by the old keys only, by the new keys only, or with a version left out."""

import pytest
from support.attacks import floor_versions, refuses, unmoved
from support.forgery import need_two_keys
from support.memory_repository import signer

from ota_client.errors import MetadataError, MetadataRollbackError


@pytest.mark.parametrize("half", [0, 1], ids=["old keys only", "new keys only"])
def test_a_root_signed_by_one_side_only_is_refused(device, repository, half):
    repository.replace_key("root", "next root")
    repository.signers["root"] = [repository.signers["root"][half]]
    repository.publish_root()
    repository.publish()
    with refuses(device, MetadataError, "root was signed by 0/1 keys"):
        device.client.install()


def test_a_root_signed_by_both_sides_is_taken(device, repository):
    repository.replace_key("root", "next root")
    repository.publish_root()
    repository.publish()
    device.client.check()
    assert floor_versions(device)["root"] == 2


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_both_thresholds_must_be_reached(device, repository, missing):
    need_two_keys(repository, "root")
    repository.publish_root()
    repository.publish()
    device.client.check()
    repository.root.add_key(signer("third root").public_key, "root")
    repository.root.revoke_key(signer("root").public_key.keyid, "root")
    signers = [signer("root"), signer("second root"), signer("third root")]
    del signers[missing]
    repository.signers["root"] = signers
    repository.publish_root()
    with refuses(device, MetadataError, "root was signed by 1/2 keys"):
        device.client.install()


def test_a_root_in_place_of_one_left_out_is_refused(device, repository):
    repository.root.version += 1
    repository.publish_root()
    repository.files["metadata/2.root.json"] = repository.files.pop("metadata/3.root.json")
    with refuses(device, MetadataRollbackError, "Expected root version 2 instead got version 3"):
        device.client.install()


def test_a_root_after_a_missing_one_is_never_asked_for(device, repository):
    repository.root.version += 1
    repository.publish_root()
    repository.requests.clear()
    with unmoved(device):
        device.client.check()
    assert not any("3.root.json" in url for url in repository.requests)


def test_the_same_version_again_is_refused(device, repository):
    repository.files["metadata/2.root.json"] = repository.files["metadata/1.root.json"]
    with refuses(device, MetadataRollbackError, "Expected root version 2 instead got version 1"):
        device.client.install()


def test_a_root_that_another_root_key_pinned_is_refused(device, repository):
    repository.signers["root"] = [signer("attacker")]
    repository.root.version = 0
    repository.publish_root()
    repository.files["metadata/2.root.json"] = repository.files["metadata/1.root.json"]
    with refuses(device, MetadataError):
        device.client.install()
