"""A11: a clock set forward, by the network or by a thief of keys, must brick nothing for ever."""

from datetime import UTC, datetime, timedelta

import pytest
from support.attacks import floor_rises_to, floor_versions, refuses, unmoved
from support.memory_repository import START
from support.simulated import make_device

from ota_client.errors import ExpiredError, MetadataError
from ota_client.formats.strict import format_time


@pytest.mark.parametrize("wrong", [START + timedelta(days=3650), datetime(9999, 12, 31, tzinfo=UTC)])
def test_a_clock_far_ahead_stops_updates_only_while_it_is_wrong(tmp_path, repository, wrong):
    moment = START
    device = make_device(tmp_path, repository, clock=lambda: moment)
    device.client.check()
    moment = wrong
    for _ in range(3):
        with refuses(device, ExpiredError):
            device.client.install()
    moment = START
    with unmoved(device):
        device.client.check()
    assert device.client.install().installed


def test_a_new_device_whose_clock_is_ahead_recovers_too(tmp_path, repository):
    moment = START + timedelta(days=9999)
    device = make_device(tmp_path, repository, clock=lambda: moment)
    device.client.mark_good()
    with refuses(device, ExpiredError):
        device.client.install()
    moment = START
    device.client.check()
    assert floor_versions(device) == repository.versions()


def sign_timestamp(repository, signed_at, expires=None):
    repository.publish_timestamp()
    repository.timestamp.unrecognized_fields["signed_at"] = signed_at
    repository.timestamp.expires = expires or repository.timestamp.expires
    repository.files["metadata/timestamp.json"] = repository.sign("timestamp", repository.timestamp)


def test_a_signed_time_after_its_own_expiry_is_refused(device, repository):
    sign_timestamp(repository, "2099-01-01T00:00:00Z")
    with refuses(device, MetadataError, "expected signed_at before its expiry"):
        device.client.install()


def test_a_signed_time_at_which_all_else_has_expired_is_refused(device, repository):
    sign_timestamp(repository, "2099-01-01T00:00:00Z", datetime(2100, 1, 1, tzinfo=UTC))
    with refuses(device, ExpiredError):
        device.client.install()
    repository.publish_timestamp()
    with floor_rises_to(device, repository):
        device.client.check()


@pytest.mark.parametrize(
    "signed_at",
    [None, 0, "", "soon", "2026-06-01", "2026-06-01T00:00:00+00:00", [], {"a": "b"}, "9" * 5000],
)
def test_a_signed_time_that_is_none_is_refused(device, repository, signed_at):
    sign_timestamp(repository, signed_at)
    with refuses(device, MetadataError, "signed_at"):
        device.client.install()


def test_a_missing_signed_time_is_refused(device, repository):
    repository.publish_timestamp()
    del repository.timestamp.unrecognized_fields["signed_at"]
    repository.files["metadata/timestamp.json"] = repository.sign("timestamp", repository.timestamp)
    with refuses(device, MetadataError, "signed_at"):
        device.client.install()


def test_the_newest_signed_time_never_comes_from_the_clock(tmp_path, repository):
    device = make_device(tmp_path, repository, now=START + timedelta(days=2))
    device.client.check()
    assert format_time(device.state.load().trust_floor.signed_at) == format_time(START)
