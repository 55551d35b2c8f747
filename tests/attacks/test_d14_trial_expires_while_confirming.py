"""D14: the last try is running, and the power fails while the agent confirms it."""

import pytest
from support.attacks import unmoved
from support.memory_repository import Release

from ota_client.recovery import Phase
from ota_client.testing import every_cut


@pytest.fixture
def on_its_last_try(device):
    device.client.install()
    for _ in range(3):
        device.boot()
    assert (device.booted, device.boot_control.status().slots["B"].tries_left) == ("B", 0)
    return device


def test_d14_confirming_holds_wholly_or_not_at_all(on_its_last_try, repository):
    first = len(on_its_last_try.storage.operations)
    on_its_last_try.client.mark_good()
    repository.put(Release("1.2.0", rollback_index=2))
    outcomes = set()
    for cut in every_cut(on_its_last_try.storage.operations, first=first):
        restarted = on_its_last_try.after(cut)
        outcomes.add(restarted.boot())
        status = restarted.client.mark_good()
        confirmed = restarted.booted == "B"
        assert status.phase is Phase.IDLE
        assert (str(status.running), status.stored_rollback_index) == (
            ("1.1.0", 2) if confirmed else ("1.0.0", 1)
        )
        assert [str(bad.version) for bad in status.bad_releases] == ([] if confirmed else ["1.1.0"])
        assert restarted.client.install().installed
    assert outcomes == {"A", "B"}


def test_d14_confirming_twice_changes_nothing(on_its_last_try):
    on_its_last_try.client.mark_good()
    with unmoved(on_its_last_try):
        on_its_last_try.client.mark_good()
