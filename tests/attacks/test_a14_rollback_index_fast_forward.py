"""A14: a rollback index far ahead, by a slip or a stolen key, would lock a fleet out; on the device."""

import pytest
from support.attacks import refused, refuses
from support.memory_repository import Release

from ota_client.errors import ManifestError, RollbackIndexError, RollbackIndexJumpError
from ota_client.rollback import STEP_CAP


@pytest.mark.parametrize("index", [1 + STEP_CAP + 1, 2**31 - 1])
def test_a_step_above_the_cap_is_refused(device, repository, index):
    repository.put(Release("1.2.0", rollback_index=index))
    device.client.status()
    with refused(RollbackIndexJumpError, "the step cap is 1000"):
        device.client.install()
    with refuses(device, RollbackIndexJumpError):
        device.client.install()


def test_a_step_of_exactly_the_cap_is_taken(device, repository):
    repository.put(Release("1.2.0", rollback_index=1 + STEP_CAP))
    device.client.install()
    device.boot()
    assert device.client.mark_good().stored_rollback_index == 1 + STEP_CAP


@pytest.mark.parametrize("index", [2**31, 2**63, -1])
def test_an_index_that_is_none_is_refused(device, repository, index):
    repository.put(Release("1.2.0", rollback_index=index))
    with pytest.raises(ManifestError):
        device.client.check()
    with refuses(device, ManifestError):
        device.client.install()


def test_the_stored_index_is_a_floor_for_every_later_release(device, repository):
    device.client.install()
    device.boot()
    device.client.mark_good()
    repository.put(Release("1.2.0", rollback_index=1))
    with refused(RollbackIndexError, "expected rollback index 2 or higher, got 1"):
        device.client.check()
    with refuses(device, RollbackIndexError):
        device.client.install()
