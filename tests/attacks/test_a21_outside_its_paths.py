"""A21: a product's key signs outside its paths."""

import pytest
from support.attacks import refuses
from support.memory_repository import PRODUCT, Release
from support.simulated import make_device
from tuf.api.metadata import DelegatedRole

from ota_client.errors import MetadataError, UnknownReleaseError


@pytest.mark.parametrize(
    "path",
    [
        "sensor/1.0.0/manifest.json",
        "sensor/channels/stable.json",
        "gateway2/1.0.0/manifest.json",
        "manifest.json",
        "gateway/manifest.json",
        "gateway/a/b/c",
        "gateway",
        "",
    ],
)
def test_a_file_outside_the_products_paths_condemns_the_role(device, repository, path):
    repository.add_target(path, b"{}", role=PRODUCT)
    repository.publish()
    with refuses(device, MetadataError, "expected paths gateway/\\*/\\*"):
        device.client.install()


def test_another_products_devices_do_not_look_into_the_role(tmp_path, repository):
    repository.add_product("sensor")
    repository.add(Release("2.0.0", product="sensor"))
    foreign = repository.copy()
    manifest = foreign.add(Release("9.0.0", product="sensor"))
    repository.products["gateway"].targets["sensor/channels/stable.json"] = foreign.products[
        "sensor"
    ].targets["sensor/channels/stable.json"]
    repository.publish()
    sensor = make_device(tmp_path, repository, product="sensor")
    assert sensor.client.check().offered.version != manifest.version
    assert not any("gateway" in url for url in repository.requests)


def delegation(**changes):
    facts = {"terminating": True, "paths": ["gateway/*/*"]}
    return {**facts, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"terminating": False},
        {"paths": ["*/*/*"]},
        {"paths": ["gateway/*/*", "sensor/*/*"]},
        {"paths": []},
        {"paths": None, "path_hash_prefixes": ["00"]},
    ],
    ids=str,
)
def test_a_delegation_that_is_not_exactly_the_products_is_refused(device, repository, changes):
    roles = repository.targets.delegations.roles
    old = roles["gateway"]
    roles["gateway"] = DelegatedRole("gateway", old.keyids, 1, **delegation(**changes))
    repository.publish()
    with refuses(device, MetadataError, "expected it to end the search"):
        device.client.install()


def test_another_role_before_the_products_is_refused(device, repository):
    roles = repository.targets.delegations.roles
    first = DelegatedRole("first", [], 1, terminating=False, paths=["*/*/*"])
    repository.add_product("first")
    roles["first"].paths, roles["first"].terminating = first.paths, False
    roles["gateway"] = roles.pop("gateway")
    release = repository.copy()
    release.add(Release("9.0.0", rollback_index=2))
    repository.products["first"].targets.update(release.releases.targets)
    repository.files |= release.files
    repository.publish()
    with refuses(device, MetadataError, "expected it to be the first for .*, got 'first'"):
        device.client.install()


def test_a_removed_products_devices_are_told(device, repository):
    del repository.targets.delegations.roles["gateway"]
    repository.publish()
    with refuses(device, UnknownReleaseError):
        device.client.install()
