"""A09: a freeze by a clock that was set back, or by no clock at all (1970)."""

from datetime import UTC, datetime, timedelta

import pytest
from support.attacks import refused, refuses, unmoved
from support.memory_repository import START
from support.simulated import make_device

from ota_client.errors import ExpiredError, MetadataRollbackError

NO_CLOCK = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def device(tmp_path, repository):
    device = make_device(tmp_path, repository, now=NO_CLOCK)
    device.client.check()
    return device


def test_a_device_without_a_clock_learns_the_time_from_signed_data(device, repository):
    assert device.state.load().trust_floor.signed_at == START
    repository.now += timedelta(days=1)
    repository.publish_timestamp()
    device.client.check()
    assert device.state.load().trust_floor.signed_at == START + timedelta(days=1)


def test_metadata_that_expired_before_the_newest_signed_time_is_refused(device, repository):
    repository.now += timedelta(days=20)
    repository.publish_timestamp()  # by a stolen timestamp key; the snapshot has expired meanwhile
    with refuses(device, ExpiredError, "role snapshot"):
        device.client.install()


def test_an_older_signed_time_is_refused(device, repository):
    recorded = repository.copy()
    repository.now += timedelta(days=2)
    repository.publish_timestamp()
    device.client.check()
    repository.files = recorded.files
    with refuses(device, MetadataRollbackError):
        device.client.install()


def test_the_time_is_never_before_the_firmware_was_built(tmp_path, repository, monkeypatch):
    device = make_device(tmp_path, repository, now=NO_CLOCK)
    config = device.client._config
    built_at = START + timedelta(days=3)
    firmware = type(config.firmware)(config.firmware.version, config.firmware.rollback_index, built_at)
    object.__setattr__(config, "firmware", firmware)
    with refused(ExpiredError):
        device.client.install()
    object.__setattr__(firmware, "built_at", built_at - timedelta(seconds=1))
    assert device.client.check().offered is not None


@pytest.mark.parametrize("years", [1, 40])
def test_a_clock_set_back_later_changes_nothing(tmp_path, repository, years):
    moment = START
    device = make_device(tmp_path, repository, clock=lambda: moment)
    device.client.check()
    moment = START.replace(year=START.year - years)
    with unmoved(device):
        device.client.check()
