"""C02: a device long offline is offered a release that is newer than its own, but was retired."""

from datetime import timedelta

import pytest
from support.attacks import floor_rises_to, refused, refuses
from support.memory_repository import Release

from ota_client.errors import ExpiredError, UnknownReleaseError
from ota_client.formats.version import Version


@pytest.fixture
def retired(device, repository):
    """1.1.0 is taken out of the product's role; its files still lie on the server."""
    repository.put(Release("1.2.0", rollback_index=2))
    retire(repository, "gateway/1.1.0/")
    repository.publish()
    device.client.check()
    return device


def retire(repository, prefix):
    for path in [path for path in repository.releases.targets if path.startswith(prefix)]:
        del repository.releases.targets[path]


def test_c02_a_retired_release_is_refused_by_name_though_its_files_are_there(retired, repository):
    assert any("/gateway/1.1.0/" in path for path in repository.files)
    with refuses(retired, UnknownReleaseError, r"gateway/1\.1\.0/manifest\.json"):
        retired.client.install(Version.parse("1.1.0"))


def test_c02_a_retired_release_is_refused_though_it_is_still_on_a_channel(device, repository):
    retire(repository, "gateway/1.1.0/")
    repository.publish()
    with floor_rises_to(device, repository), refused(UnknownReleaseError):
        device.client.check()
    with refuses(device, UnknownReleaseError):
        device.client.install()


@pytest.mark.parametrize("file", ["rootfs.index", "rootfs.data"])
def test_c02_a_release_of_which_one_file_was_retired_is_refused(device, repository, file):
    retire(repository, f"gateway/1.1.0/{file}")
    repository.publish()
    with floor_rises_to(device, repository), refused(UnknownReleaseError, file):
        device.client.install()


def test_c02_the_metadata_of_the_time_when_it_was_current_has_expired(device, repository):
    old = dict(repository.files)
    repository.put(Release("1.2.0", rollback_index=2))
    repository.files = old
    repository.now += timedelta(days=30)
    with refuses(device, ExpiredError):
        device.client.install()
