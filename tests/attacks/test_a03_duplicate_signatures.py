"""A03: one key that counts twice towards a threshold: listed twice, or its signature twice."""

import json

import pytest
from support.attacks import refuses
from support.forgery import ROLES, content, need_two_keys, published, serve_as
from support.memory_repository import Release

from ota_client.errors import MetadataError


@pytest.fixture
def stolen(device, repository, request):
    """A role of two keys; the attacker has one of them."""
    role = request.param
    need_two_keys(repository, role)
    repository.publish_root()
    repository.publish()
    device.client.check()
    repository.signers[role] = repository.signers[role][:1]
    repository.add(Release("1.2.0", rollback_index=2))
    return role


def forge(repository, role):
    """The role's next metadata, signed by the stolen key only."""
    if role == "root":
        repository.publish_root()
    else:
        repository.publish()
    return json.loads(published(repository, role))


@pytest.mark.parametrize("stolen", ROLES, indirect=True)
def test_a_signature_that_stands_twice_counts_once(device, repository, stolen):
    forged = forge(repository, stolen)
    forged["signatures"] *= 2
    serve_as(repository, stolen, json.dumps(forged).encode(), content(repository, stolen).version)
    with refuses(device, MetadataError):
        device.client.install()


@pytest.mark.parametrize("stolen", ROLES, indirect=True)
def test_a_signature_in_upper_case_counts_once(device, repository, stolen):
    forged = forge(repository, stolen)
    (signature,) = forged["signatures"]
    again = {"keyid": signature["keyid"].upper(), "sig": signature["sig"].upper()}
    forged["signatures"].append(again)
    serve_as(repository, stolen, json.dumps(forged).encode(), content(repository, stolen).version)
    with refuses(device, MetadataError, "signed by 1/2 keys"):
        device.client.install()


def test_a_role_that_names_a_key_twice_is_refused(device, repository):
    repository.root.roles["targets"].keyids *= 2
    repository.publish_root()
    with refuses(device, MetadataError):
        device.client.install()


def test_a_product_role_that_names_a_key_twice_is_refused(device, repository):
    repository.targets.delegations.roles["gateway"].keyids *= 2
    repository.publish()
    with refuses(device, MetadataError):
        device.client.install()
