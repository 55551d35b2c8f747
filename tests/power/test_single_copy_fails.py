"""The control: with one copy of U-Boot's environment the same sweep must find dead devices."""

from dataclasses import replace

import pytest
from support.boot_loaders import uboot
from support.boot_loaders.models import MODELS, Model
from support.episodes import record
from support.invariants import restart

from ota_client.bootcontrol.uboot.environment import Environment, FlagScheme
from ota_client.bootcontrol.uboot.locations import Location
from ota_client.errors import OtaError
from ota_client.testing import SimulatedStorage, every_cut

NAME = "u-boot-unsafe-single-copy"
PATH = uboot.PATHS[0]
SINGLE = Model(
    f'control = "{NAME}"\nenvironment = ["{PATH} 0x0 {uboot.SIZE:#x}"]\n',
    lambda _: uboot.UBoot(uboot.ratchet_script, uboot.PATHS[:1]),
)


@pytest.mark.system  # a sweep of its own
def test_the_sweep_finds_the_cuts_that_destroy_a_single_copy(tmp_path, monkeypatch, record_property):
    monkeypatch.setitem(MODELS, NAME, SINGLE)
    episode = record("fallback", tmp_path, NAME)
    failures = points = 0
    for cut in every_cut(episode.storage.operations):
        points += 1
        try:
            restart(episode, episode.moment_at(cut.done), cut.medium(episode.storage))
        except (AssertionError, OtaError):
            failures += 1
    assert failures > 20
    record_property("power single copy", f"{failures} of {points} points leave no usable device")
    print(f"{NAME}: {failures} of {points} points leave no usable device, as they must")


@pytest.mark.parametrize("copies", [1, 2])
def test_of_the_torn_states_of_one_write_two_copies_have_none_that_is_unreadable(copies):
    size = 0x4000
    variables = {f"variable_{number:03}": "v" * 50 for number in range(180)}
    raw = uboot.pack(variables, 1 if copies > 1 else None, size)
    places = tuple(Location(f"/{number}", 0, size, 0) for number in range(copies))
    storage = SimulatedStorage({place.device: raw for place in places})
    environment = Environment(storage, places, FlagScheme.INCREMENTAL)
    environment.change(lambda _: {"variable_000": "longer than it was"})
    states = [cut for cut in every_cut(storage.operations) if cut.torn is not None and not cut.erased]
    states = [replace(cut, lost=()) for cut in states if cut.torn % 512 == 0]
    unreadable = [s for s in states if not readable(places, s.medium(storage))]
    print(f"{copies} copies: {len(unreadable)} of {len(states)} torn states are unreadable")
    assert (len(unreadable) > len(states) // 2) if copies == 1 else not unreadable


def readable(places, files):
    found = Environment(SimulatedStorage(files), places, FlagScheme.INCREMENTAL).find()
    return found is not None
