"""D12: a release that always fails is not fetched again for ever."""

from support.attacks import refuses
from support.memory_repository import Release

from ota_client.errors import KnownBadReleaseError
from ota_client.state import BAD_RELEASES_MOST


def fall_back(device):
    device.client.install()
    assert device.fail_boot() == "A"


def test_d12_the_failed_release_is_refused_without_a_payload_request(device, repository):
    fall_back(device)
    device.client.mark_good()
    repository.requests.clear()
    with refuses(device, KnownBadReleaseError, "1.1.0, from which this device fell back"):
        device.client.install()
    assert not any(url.endswith((".data", ".index")) for url in repository.requests)


def test_d12_a_mended_release_is_installed(device, repository):
    fall_back(device)
    repository.put(Release("1.1.1", rollback_index=2))
    assert device.client.install().installed
    assert device.boot() == "B"
    assert str(device.client.mark_good().running) == "1.1.1"


def test_d12_the_memory_of_failed_releases_is_bounded(device, repository):
    for number in range(BAD_RELEASES_MOST + 2):
        repository.put(Release(f"1.2.{number}", rollback_index=2))
        fall_back(device)
    bad = device.client.status().bad_releases
    assert [str(release.version) for release in bad] == [
        f"1.2.{number}" for number in range(2, BAD_RELEASES_MOST + 2)
    ]
