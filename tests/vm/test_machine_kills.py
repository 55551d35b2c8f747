"""D01, D03: a whole machine is killed at random moments, over and over."""

import random

import pytest
from vm.kills import Kills

HALVES = 2


@pytest.mark.vm
@pytest.mark.parametrize("half", range(HALVES))
def test_a_device_that_is_killed_at_random_always_comes_up(
    half, workshop, inspector, servers, tmp_path, kills, record_property, capsys
):
    seed = random.SystemRandom().getrandbits(32)
    record_property("vm seed", seed)
    with capsys.disabled():
        print(f"\nvm: {kills // HALVES} kills, seed {seed}")
        trial = Kills(workshop, inspector, servers, tmp_path, random.Random(seed), print)
        try:
            trial.run(kills // HALVES)
        finally:
            record_property("vm kills", trial.kills)
