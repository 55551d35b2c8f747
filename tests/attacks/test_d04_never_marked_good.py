"""D04: the new slot boots, and nobody marks it good."""

from support.attacks import refuses

from ota_client.errors import KnownBadReleaseError
from ota_client.recovery import Phase


def test_d04_the_device_falls_back_reports_it_and_does_not_try_that_release_again(device, repository):
    manifest = repository.releases.targets["gateway/1.1.0/manifest.json"]
    device.client.install()
    while device.boot() == "B":
        assert device.client.status().phase is Phase.TRIAL
    status = device.client.status()
    assert (str(status.running), status.stored_rollback_index) == ("1.0.0", 1)
    assert [(str(bad.version), bad.sha256) for bad in status.bad_releases] == [
        ("1.1.0", manifest.hashes["sha256"])
    ]
    device.client.mark_good()  # the fallback is remembered, not only found
    for attempt in (device.client.check, device.client.install):
        repository.requests.clear()
        with refuses(device, KnownBadReleaseError):
            attempt()
        assert not any(url.endswith(".data") for url in repository.requests)


def test_d04_a_device_that_runs_on_trial_and_restarts_keeps_its_remaining_tries_only(device):
    device.client.install()
    for left in (2, 1, 0):
        device.boot()
        device.client.status()
        assert device.boot_control.status().slots["B"].tries_left == left
    assert device.boot() == "A"
