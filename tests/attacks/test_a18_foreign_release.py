"""A18: a genuine release of another product, or for other hardware."""

import pytest
from support.attacks import floor_rises_to, refused, refuses
from support.memory_repository import Release
from support.simulated import make_device

from ota_client import VerificationError
from ota_client.errors import HardwareMismatchError, ManifestError, UnknownReleaseError


@pytest.mark.parametrize(
    "hardware_ids", [("gw-rev1",), ("gw-rev20",), ("gw-rev",), ("gw-rev1", "gw-rev3"), ("sensor",)]
)
def test_a_release_for_other_hardware_is_refused(device, repository, hardware_ids):
    repository.put(Release("1.2.0", rollback_index=2, hardware_ids=hardware_ids))
    with floor_rises_to(device, repository), refused(HardwareMismatchError, "hardware gw-rev2, got"):
        device.client.install()
    with refuses(device, HardwareMismatchError):
        device.client.install()


def test_a_release_that_names_this_hardware_among_others_is_taken(device, repository):
    repository.put(Release("1.2.0", rollback_index=2, hardware_ids=("gw-rev1", "gw-rev2")))
    assert device.client.install().installed


def test_another_products_files_in_place_of_ones_own_are_refused(device, repository):
    (device.client._cache_dir / "offered.manifest").unlink()
    repository.add_product("sensor")
    repository.add(Release("9.0.0", product="sensor"))
    foreign = next(d for p, d in repository.files.items() if "sensor/channels" in p)
    for path in [path for path in repository.files if "gateway/channels" in path]:
        repository.files[path] = foreign
    with refuses(device, VerificationError):
        device.client.install()


def test_another_products_manifest_below_ones_own_name_is_refused(device, repository):
    manifest = repository.copy().add(Release("9.0.0", product="sensor"))
    repository.add_manifest("gateway/9.0.0/manifest.json", manifest)
    repository.add_manifest("gateway/channels/stable.json", manifest)
    repository.publish()
    with (
        floor_rises_to(device, repository),
        refused(ManifestError, "expected product gateway, got sensor"),
    ):
        device.client.install()


def test_a_repository_of_other_products_has_nothing_for_this_device(tmp_path, repository):
    device = make_device(tmp_path, repository, product="sensor")
    device.client.mark_good()
    with refuses(device, UnknownReleaseError, "expected a delegated role for product sensor"):
        device.client.install()
