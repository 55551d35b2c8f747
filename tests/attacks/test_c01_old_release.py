"""C01: an old release, genuinely signed, is offered."""

from contextlib import suppress

import pytest
from support.attacks import refuses
from support.memory_repository import Release

from ota_client.errors import DowngradeError, RollbackIndexError
from ota_client.formats.version import Version


@pytest.fixture
def updated(device, repository):
    """It runs 1.1.0, confirmed, with rollback index 2."""
    device.client.install()
    device.boot()
    device.client.mark_good()
    return device


def offer(device, repository, release):
    repository.put(release)
    with suppress(DowngradeError, RollbackIndexError):
        device.client.check()  # the floor rises with the genuine metadata


@pytest.mark.parametrize("version", ["1.0.9", "1.1.0-rc.1"])
def test_c01_a_lower_version_is_refused_whatever_its_rollback_index(updated, repository, version):
    offer(updated, repository, Release(version, rollback_index=9))
    for attempt in (updated.client.check, updated.client.install):
        with refuses(updated, DowngradeError, "expected version 1.1.0 or newer"):
            attempt()


def test_c01_a_lower_version_asked_for_by_name_is_refused(updated, repository):
    repository.add(Release("1.0.9", rollback_index=2), channel=None)
    offer(updated, repository, Release("1.2.0", rollback_index=2))
    with refuses(updated, DowngradeError):
        updated.client.install(Version.parse("1.0.9"))


def test_c01_a_rollback_index_below_the_stored_one_is_refused_whatever_its_version(updated, repository):
    offer(updated, repository, Release("9.0.0", rollback_index=1))
    for attempt in (updated.client.check, updated.client.install):
        with refuses(updated, RollbackIndexError, "expected rollback index 2 or higher, got 1"):
            attempt()


def test_c01_after_a_confirmed_update_the_old_slot_is_no_way_back(updated):
    assert not updated.boot_control.status().slots["A"].bootable
    assert [updated.boot() for _ in range(4)] == ["B"] * 4
