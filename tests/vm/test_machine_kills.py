"""D01, D03: a whole machine is killed at random moments, over and over."""

import random

import pytest
from vm.kills import Kills

# pieces of work for two test processes
PARTS = 4


@pytest.mark.vm
@pytest.mark.parametrize("part", range(PARTS))
def test_a_device_that_is_killed_at_random_always_comes_up(
    part, workshop, inspector, servers, tmp_path, kills, record_property, capsys
):
    seed = random.SystemRandom().getrandbits(32)
    record_property("vm seed", seed)
    with capsys.disabled():
        print(f"\nvm: {kills // PARTS} kills, seed {seed}")
        trial = Kills(workshop, inspector, servers, tmp_path, random.Random(seed), print)
        try:
            trial.run(kills // PARTS)
        finally:
            record_property("vm kills", trial.kills)
