"""D05: an installation while the running slot is on trial would overwrite the last good one."""

from support.attacks import refuses
from support.memory_repository import Release

from ota_client.errors import UnconfirmedTrialError


def test_d05_the_last_good_slot_is_not_overwritten_before_the_new_one_is_confirmed(device, repository):
    device.client.install()
    device.boot()
    repository.put(Release("1.2.0", rollback_index=2))
    device.client.check()
    with refuses(device, UnconfirmedTrialError):
        device.client.install()
    device.client.mark_good()
    assert device.client.install().installed


def test_d05_the_refusal_holds_on_the_last_try_too(device, repository):
    device.client.install()
    for _ in range(3):
        device.boot()
    repository.put(Release("1.2.0", rollback_index=2))
    device.client.check()
    with refuses(device, UnconfirmedTrialError):
        device.client.install()
