"""What ``trust.py`` relies on in python-tuf (docs/adr/0005-trust-floor-and-python-tuf.md)."""

from datetime import UTC, datetime, timedelta

import pytest
from support.memory_repository import START, MemoryRepository, Release
from tuf.api.exceptions import ExpiredMetadataError
from tuf.ngclient import Updater

from ota_client import trust


@pytest.fixture
def updater(tmp_path):
    repository = MemoryRepository()
    repository.put(Release("1.1.0"))
    return Updater(
        str(tmp_path),
        "https://updates.example/metadata/",
        fetcher=trust._TufFetcher(repository),
        bootstrap=repository.pinned_root,
    )


def test_the_private_handle_for_the_time_is_there(updater):
    assert isinstance(updater._trusted_set.reference_time, datetime)
    assert updater._trusted_set.reference_time.tzinfo is UTC


@pytest.mark.parametrize("days", [0, 2])
def test_the_handle_is_the_time_by_which_metadata_is_valid(updater, days):
    updater._trusted_set.reference_time = START + timedelta(days=days)
    updater.refresh()


@pytest.mark.parametrize("days", [4, 400])
def test_the_handle_is_the_time_by_which_metadata_expires(updater, days):
    updater._trusted_set.reference_time = START + timedelta(days=days)
    with pytest.raises(ExpiredMetadataError):
        updater.refresh()


def test_an_updater_refreshes_once(updater):
    updater._trusted_set.reference_time = START
    updater.refresh()
    with pytest.raises(RuntimeError):
        updater.refresh()
