"""A26: delegations in circles, and deeper than anyone needs."""

from itertools import pairwise

import pytest
from support.attacks import refuses
from support.memory_repository import PRODUCT, Release
from tuf.api.metadata import DelegatedRole, Delegations, SuccinctRoles

from ota_client.errors import MetadataError, UnknownReleaseError


def delegate(repository, parent, *children):
    """Let a role delegate its own paths on to others, all signed as they must be."""
    names = [child for child in children if child not in repository.products]
    for name in names:
        repository.add_product(name)
        del repository.targets.delegations.roles[name]
    roles = {name: DelegatedRole(name, [], 1, terminating=False, paths=["*/*/*"]) for name in children}
    repository.products[parent].delegations = Delegations({}, roles)
    for name in children:
        repository.products[parent].add_key(repository.signers[name][0].public_key, name)


def fetched_roles(repository):
    names = {url.rpartition("/")[2].split(".")[1] for url in repository.requests if "/metadata/" in url}
    return names - {"root", "json", "snapshot", "targets"}


def test_a_product_that_delegates_to_itself_leads_nowhere(device, repository):
    delegate(repository, PRODUCT, "a", PRODUCT)
    delegate(repository, "a", PRODUCT, "a")
    repository.put(Release("1.2.0", rollback_index=2))
    repository.requests.clear()
    assert str(device.client.check().offered.version) == "1.2.0"
    assert fetched_roles(repository) == {PRODUCT}


@pytest.mark.parametrize("depth", [3, 40])
def test_roles_below_the_products_are_not_even_fetched(device, repository, depth):
    chain = [PRODUCT, *(f"level{number}" for number in range(depth))]
    for parent, child in pairwise(chain):
        delegate(repository, parent, child)
    repository.products[chain[-1]].targets |= {
        "gateway/9.9.9/manifest.json": repository.releases.targets["gateway/1.1.0/manifest.json"]
    }
    repository.put(Release("1.2.0", rollback_index=2))
    repository.requests.clear()
    assert str(device.client.check().offered.version) == "1.2.0"
    assert fetched_roles(repository) == {PRODUCT}


@pytest.mark.parametrize("count", [1, 40])
def test_roles_put_before_the_products_are_refused(device, repository, count):
    roles = repository.targets.delegations.roles
    product = roles.pop(PRODUCT)
    for number in range(count):
        repository.add_product(f"before{number}")
        roles[f"before{number}"].paths, roles[f"before{number}"].terminating = ["*/*/*"], False
    roles[PRODUCT] = product
    repository.publish()
    repository.requests.clear()
    with refuses(device, MetadataError, "got 'before0'"):
        device.client.install()
    assert fetched_roles(repository) == set()


def test_the_targets_role_may_not_answer_in_the_products_place(device, repository):
    files = repository.releases.targets
    repository.targets.targets["gateway/channels/none.json"] = files["gateway/channels/stable.json"]
    repository.publish()
    with refuses(device, MetadataError, "expected it to be the first"):
        device.client.install()


def test_a_delegation_named_as_a_top_level_role_is_refused(device, repository):
    delegation = repository.targets.delegations.roles[PRODUCT]
    for name in ("root", "targets", ""):
        delegation.name = name
        repository.publish()
        with refuses(device, MetadataError):
            device.client.install()


def test_hash_bins_in_the_products_place_are_refused(device, repository):
    key = repository.signers[PRODUCT][0].public_key
    repository.products.clear()
    repository.targets.delegations = Delegations(
        {key.keyid: key}, succinct_roles=SuccinctRoles([key.keyid], 1, 8, "bin")
    )
    repository.publish_targets()
    repository.publish_snapshot()
    repository.publish_timestamp()
    with refuses(device, UnknownReleaseError, "got none"):
        device.client.install()
