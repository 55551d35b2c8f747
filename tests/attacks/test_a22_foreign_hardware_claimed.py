"""A22: a product's key claims another product's hardware."""

import pytest
from support.attacks import floor_rises_to, refused, unmoved
from support.memory_repository import Release
from support.simulated import make_device

from ota_client.errors import ManifestError


@pytest.fixture
def sensor(tmp_path, repository):
    """A device of another product, whose own product has a release too."""
    repository.add_product("sensor")
    repository.add(Release("1.0.0", product="sensor", hardware_ids=("sensor-rev1",)))
    repository.publish()
    (tmp_path / "sensor").mkdir()
    device = make_device(tmp_path / "sensor", repository, product="sensor", hardware_id="sensor-rev1")
    device.client.check()
    return device


def test_a_release_under_ones_own_product_for_anothers_hardware_reaches_nobody_there(sensor, repository):
    repository.put(Release("9.0.0", rollback_index=2, hardware_ids=("gw-rev2", "sensor-rev1")))
    sensor.client.check()
    with unmoved(sensor):
        assert sensor.client.check().offered is None


def test_a_manifest_that_names_another_product_than_its_role_is_refused(device, repository):
    manifest = repository.add(Release("9.0.0", product="sensor", hardware_ids=("gw-rev2",)))
    files = {path: t for path, t in repository.releases.targets.items() if path.startswith("sensor/")}
    for path, target in files.items():
        del repository.releases.targets[path]
        repository.releases.targets[path.replace("sensor/", "gateway/")] = target
    repository.add_manifest("gateway/channels/stable.json", manifest)
    repository.publish()
    with floor_rises_to(device, repository), refused(ManifestError, "expected product gateway"):
        device.client.install()
