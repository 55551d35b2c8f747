"""D03: the power fails while the new slot boots for the first time."""

import pytest

from ota_client.testing import every_cut


@pytest.fixture
def installed(device):
    device.client.install()
    return device


def tries(device):
    return device.boot_control.status().slots["B"].tries_left


def test_d03_every_start_of_the_new_slot_costs_a_try_and_the_last_one_is_followed_by_a_fallback(
    installed,
):
    seen = []
    while installed.boot() == "B":
        seen.append(tries(installed))
    assert seen == [2, 1, 0]
    assert installed.booted == "A"


def test_d03_the_try_is_gone_before_the_new_slot_runs(installed):
    first = len(installed.storage.operations)
    installed.boot()
    for cut in every_cut(installed.storage.operations, first=first):
        restarted = installed.after(cut)
        begun_again = tries(restarted) == 3
        assert begun_again <= (cut.done < len(installed.storage.operations))


def test_d03_cuts_in_the_boot_loaders_write_give_no_try_back_and_end_in_a_slot_that_runs(installed):
    first = len(installed.storage.operations)
    installed.boot()
    for cut in every_cut(installed.storage.operations, first=first):
        restarted = installed.after(cut)
        before = tries(restarted)
        assert before in {2, 3}
        assert [restarted.boot() for _ in range(before + 1)] == ["B"] * before + ["A"]
