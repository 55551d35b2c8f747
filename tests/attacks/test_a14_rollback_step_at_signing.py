"""A14 at the desk: a slip in the rollback index must not lock the fleet out."""

import pytest
from support.signing_desk import PRODUCT, snapshot_of, version

from ota_client.rollback import STEP_CAP
from signing.channel import set_channel
from signing.errors import RollbackOrderError, RollbackStepError


@pytest.mark.parametrize("index", [STEP_CAP + 1, 2**31 - 1])
def test_the_first_release_starts_within_the_step_cap(desk, index):
    before = snapshot_of(desk.repository.folder)
    with pytest.raises(RollbackStepError, match="step cap"):
        desk.add("1.0.0", index)
    assert snapshot_of(desk.repository.folder) == before


def test_an_index_far_above_the_highest_is_refused(desk):
    desk.release("1.0.0", 10)
    with pytest.raises(RollbackStepError, match="1010"):
        desk.add("1.1.0", 11 + STEP_CAP)
    desk.release("1.1.0", 10 + STEP_CAP)
    assert desk.offered().rollback_index == 10 + STEP_CAP


def test_a_channel_does_not_leap_over_a_release_in_between(desk):
    desk.release("1.0.0", 1)
    desk.release("1.1.0", STEP_CAP, channels=())
    desk.release("1.2.0", STEP_CAP + 2, channels=())
    with pytest.raises(RollbackStepError, match="in between"):
        set_channel(desk.repository, PRODUCT, "stable", version("1.2.0"), now=desk.now)
    set_channel(desk.repository, PRODUCT, "stable", version("1.1.0"), now=desk.now)


def test_the_index_rises_along_with_the_versions(desk):
    desk.release("1.0.0", 5)
    desk.release("2.0.0", 8)
    with pytest.raises(RollbackOrderError, match="5 or higher"):
        desk.add("1.1.0", 4)
    with pytest.raises(RollbackOrderError, match="8 or lower"):
        desk.add("1.1.0", 9)
    desk.add("1.1.0", 6, channels=())
