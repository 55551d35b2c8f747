"""A19: a mirror that blocks, fails, freezes or lies; the next one is asked."""

from datetime import timedelta

import pytest
from support.attacks import nothing_activated, refused, refuses
from support.memory_repository import Release
from support.mirrors import Mirrors
from support.simulated import make_device

from ota_client import FetchError
from ota_client.errors import ExpiredError, MetadataError, MetadataRollbackError, PayloadError

URLS = ("https://one.example/", "https://two.example/ota/")


class Blocked:
    """A mirror that answers nobody."""

    def get(self, url, **_):
        raise FetchError(f"{url}: no answer")

    def open_range(self, url, **_):
        raise FetchError(f"{url}: no answer")


@pytest.fixture
def mirrors(repository):
    """By address; both sound, until a test says otherwise."""
    return dict.fromkeys(URLS, repository)


@pytest.fixture
def device(tmp_path, repository, mirrors):
    device = make_device(tmp_path, repository, urls=URLS, fetcher=Mirrors(mirrors))
    device.client.check()
    return device


def lying(repository):
    lie = repository.copy()
    for path in [path for path in lie.files if path.endswith((".data", ".index", "timestamp.json"))]:
        lie.files[path] = bytes(len(lie.files[path]))
    return lie


@pytest.mark.parametrize("broken", [lambda _: Blocked(), lying], ids=["blocks", "lies"])
@pytest.mark.parametrize("which", URLS)
def test_one_sound_mirror_is_enough(device, repository, mirrors, broken, which):
    mirrors[which] = broken(repository)
    assert device.client.install().installed
    device.boot()
    assert str(device.client.mark_good().running) == "1.1.0"


def test_a_mirror_that_is_behind_is_passed_over(device, repository, mirrors):
    mirrors[URLS[0]] = repository.copy()
    repository.put(Release("1.2.0", rollback_index=2))
    mirrors[URLS[0]], behind = repository, mirrors[URLS[0]]
    device.client.check()
    mirrors[URLS[0]] = behind
    assert str(device.client.check().offered.version) == "1.2.0"


def test_an_expired_mirror_is_passed_over(device, repository, mirrors):
    mirrors[URLS[0]] = repository.copy()
    repository.now += timedelta(days=20)
    repository.put(Release("1.2.0", rollback_index=2))
    assert str(device.client.check().offered.version) == "1.2.0"


def test_a_payload_is_finished_from_the_next_mirror_without_fetching_it_twice(
    device, repository, mirrors
):
    half = repository.copy()
    image = bytes(range(256)) * 128
    for each in (half, repository):
        each.put(Release("1.2.0", rollback_index=2, images=(("rootfs", image),)))
    path = next(path for path in half.files if "/1.2.0/" in path and path.endswith(".data"))
    data = half.files[path]
    half.files[path] = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    mirrors[URLS[0]] = half
    opened = []
    original = repository.open_range

    def open_range(url, *, start, stop):
        opened.append(start)
        return original(url, start=start, stop=stop)

    repository.open_range = open_range
    assert device.client.install().installed
    assert len(opened) == 1
    assert 0 < len(data) // 4 < opened[0]


def test_if_nobody_answers_it_is_a_failure_to_be_tried_again(device, mirrors):
    mirrors.update(dict.fromkeys(URLS, Blocked()))
    with refuses(device, FetchError, "no answer"):
        device.client.install()
    assert FetchError.retryable


@pytest.mark.parametrize("order", [1, -1])
def test_a_lie_outranks_a_failure(device, repository, mirrors, order):
    mirrors.update(zip(URLS[::order], (Blocked(), lying(repository)), strict=True))
    with refuses(device, MetadataError):
        device.client.install()


@pytest.mark.parametrize("order", [1, -1])
def test_a_lie_about_the_payload_outranks_a_failure(device, repository, mirrors, order):
    lie = repository.copy()
    path = next(path for path in lie.files if path.endswith(".data"))
    lie.files[path] = bytes(len(lie.files[path]))
    blocked = repository.copy()
    del blocked.files[path]
    mirrors.update(zip(URLS[::order], (blocked, lie), strict=True))
    with nothing_activated(device), refused(PayloadError):
        device.client.install()


def test_the_first_of_two_lies_is_told(device, repository, mirrors):
    old = repository.copy()
    repository.put(Release("1.2.0", rollback_index=2))
    device.client.check()
    mirrors.update(zip(URLS, (old, lying(repository)), strict=True))
    with refuses(device, MetadataRollbackError):
        device.client.install()


def test_all_frozen_is_expired(device, repository):
    repository.now += timedelta(days=10)
    with refuses(device, ExpiredError):
        device.client.install()
