"""A33: the metadata expires between installation and reboot; the recorded decision stands."""

import shutil
from datetime import timedelta

import pytest
from support.attacks import refuses
from support.memory_repository import START
from support.simulated import make_device

from ota_client import FetchError
from ota_client.errors import ExpiredError


@pytest.fixture
def moment():
    return [START]


@pytest.fixture
def device(tmp_path, repository, moment):
    device = make_device(tmp_path, repository, clock=lambda: moment[0])
    device.client.install()
    moment[0] += timedelta(days=1000)
    return device


def test_the_installed_release_is_started_and_confirmed_without_a_network(device, repository):
    def no_network(*_, **__):
        raise FetchError("no network")

    repository.get = repository.open_range = no_network
    repository.requests.clear()
    assert device.boot() == "B"
    status = device.client.mark_good()
    assert str(status.running) == "1.1.0"
    assert status.stored_rollback_index == 2
    assert repository.requests == []


def test_the_expired_repository_itself_is_refused_and_the_trial_goes_on(device):
    device.boot()
    device.client.status()
    device.client._recover()
    with refuses(device, ExpiredError):
        device.client.check()
    assert str(device.client.mark_good().running) == "1.1.0"


def test_a_lost_cache_and_a_wrong_clock_do_not_stop_the_confirmation(device, moment):
    device.boot()
    shutil.rmtree(device.client._cache_dir)
    moment[0] = START.replace(year=1970)
    assert device.client.mark_good().stored_rollback_index == 2


def test_a_release_that_fails_is_still_fallen_back_from(device):
    assert device.fail_boot() == "A"
    status = device.client.status()
    assert [str(bad.version) for bad in status.bad_releases] == ["1.1.0"]
    assert str(status.running) == "1.0.0"
