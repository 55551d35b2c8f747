"""A08: an old valid timestamp, or any other role's metadata, for ever."""

from datetime import timedelta

import pytest
from support.attacks import refuses, unmoved
from support.forgery import ROLES, content
from support.memory_repository import Release

from ota_client.errors import ExpiredError


def test_a_mirror_frozen_in_time_is_noticed_when_the_timestamp_expires(device, repository):
    repository.now += timedelta(days=3) - timedelta(seconds=1)
    with unmoved(device):
        assert device.client.check().offered is not None
    repository.now += timedelta(seconds=1)
    with refuses(device, ExpiredError):
        device.client.install()
    assert (ExpiredError.exit_code, ExpiredError.retryable) == (11, True)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_expires(device, repository, role):
    if role != "root":
        repository.publish_root()
    original, repository._advance = repository._advance, None

    def advance(signed, *, days):
        original(signed, days=-1 if signed is content(repository, role) else days)

    repository._advance = advance
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    with refuses(device, ExpiredError):
        device.client.install()


def test_a_repository_that_is_refreshed_again_is_trusted_again(device, repository):
    repository.now += timedelta(days=30)
    with refuses(device, ExpiredError):
        device.client.check()
    repository.publish_snapshot()
    repository.publish_timestamp()
    assert device.client.check().offered is not None
