"""A05: one role's metadata served as another's."""

from copy import deepcopy
from itertools import permutations

import pytest
from support.attacks import refuses
from support.forgery import ROLES, content, published, serve_as

from ota_client.errors import MetadataError

PAIRS = list(permutations(ROLES, 2))


@pytest.mark.walk(7)
@pytest.mark.parametrize(("role", "other"), PAIRS)
def test_genuine_metadata_of_another_role_is_refused(device, repository, role, other):
    version = content(repository, role).version + 1
    serve_as(repository, role, published(repository, other), version)
    with refuses(device, MetadataError):
        device.client.install()


@pytest.mark.walk(7)
@pytest.mark.parametrize(("role", "other"), [p for p in PAIRS if set(p) != {"targets", "gateway"}])
def test_another_roles_content_under_the_right_signature_is_refused(device, repository, role, other):
    forged = deepcopy(content(repository, other))
    forged.version = content(repository, role).version + 1
    serve_as(repository, role, repository.sign(role, forged), forged.version)
    with refuses(device, MetadataError, "Expected '"):
        device.client.install()
