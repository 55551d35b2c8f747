"""D06: the stored rollback index rises after the new slot was marked good, and not before."""

from support.memory_repository import Release

from ota_client.testing import every_cut


def test_d06_neither_check_nor_install_nor_boot_raises_the_stored_index(device):
    for step in (device.client.check, device.client.install, device.boot, device.client.check):
        step()
        assert device.counter.read() == 1
    device.client.mark_good()
    assert device.counter.read() == 2


def test_d06_a_release_that_fell_back_leaves_the_stored_index_and_the_old_slot_as_they_were(device):
    device.client.install()
    device.fail_boot()
    device.client.mark_good()
    assert device.counter.read() == 1
    assert device.boot_control.status().slots["A"].good


def test_d06_a_raise_that_a_cut_prevented_is_redone_at_the_next_start(device, repository):
    device.client.install()
    device.boot()
    first = len(device.storage.operations)
    device.client.mark_good()
    repository.put(Release("1.2.0", rollback_index=2))
    redone = 0
    for cut in every_cut(device.storage.operations, first=first):
        restarted = device.after(cut)
        restarted.boot()
        marked = restarted.boot_control.status().slots["B"].good
        missing = marked and restarted.counter.read() == 1
        assert marked or restarted.counter.read() == 1
        restarted.client.check()
        assert restarted.counter.read() == (2 if marked else 1)
        redone += missing
    assert redone > 0
