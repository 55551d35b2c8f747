"""A10: a freeze by withholding the next root."""

from datetime import timedelta

from support.attacks import refuses
from support.memory_repository import Release

from ota_client.errors import ExpiredError


def test_an_expired_root_is_refused_however_fresh_the_rest_is(device, repository):
    repository.now += timedelta(days=365)
    root = repository.root.version
    repository.publish_root()
    del repository.files[f"metadata/{root + 1}.root.json"]
    repository.put(Release("1.2.0", rollback_index=2))
    with refuses(device, ExpiredError, "root.json is expired"):
        device.client.install()


def test_the_root_version_is_in_the_status_that_devices_report(device, repository):
    assert device.client.status().to_fields()["root_version"] == 1
    repository.publish_root()
    repository.publish_timestamp()
    device.client.check()
    assert device.client.status().root_version == 2


def test_an_expired_root_in_the_middle_of_the_chain_is_no_obstacle(device, repository):
    repository.publish_root()
    repository.now += timedelta(days=400)
    repository.publish_root()
    repository.publish()
    assert device.client.check().offered is not None
