"""An agent is killed before a sync, starts again, and only then the power is cut.

What the killed agent wrote is read back from the page cache, yet it is not on the medium: nothing may
be built on it before it is durable.
"""

import pytest
from support.boot_loaders.models import MODELS
from support.episodes import Episode
from support.invariants import restart

from ota_client.recovery import Phase
from ota_client.testing import PowerCutError, SimulatedStorage, Synced, every_cut


def go_on(device):
    if device.client.status().phase is Phase.TRIAL:
        device.client.mark_good()
    device.client.install()


def waiting_for_its_boot(episode):
    episode.release("1.1.0", 1)
    episode.install()
    episode.release("1.2.0", 1)


def on_trial(episode):
    episode.release("1.1.0", 2)
    episode.install()
    episode.boot()
    episode.release("1.2.0", 3)


# `make test` has random lives instead, in which agents are killed too: test_random_sequences.py
@pytest.mark.system
@pytest.mark.parametrize("scene", [waiting_for_its_boot, on_trial])
@pytest.mark.parametrize("model", MODELS)
def test_an_agent_killed_before_a_sync_builds_on_nothing_that_a_cut_can_take(
    scene, model, tmp_path, record_property
):
    episode = Episode(tmp_path, ("rootfs",), model)
    scene(episode)
    moment, files = episode.moments[-1], episode.storage.files()
    points, media = 0, set()
    for number, operation in enumerate(life(episode, files)):
        if not isinstance(operation, Synced):
            continue
        storage = SimulatedStorage(files, power=number)
        killed_then_restarted(episode, moment, storage)
        whole_sectors = episode.model.whole_sectors
        for cut in every_cut(storage.operations, first=number + 1, whole_sectors=whole_sectors):
            if cut.erased or cut.torn == 1:
                continue
            points += 1
            medium = cut.medium(storage)
            key = hash(tuple(sorted(medium.items())))
            if key not in media:
                media.add(key)
                try:
                    restart(episode, moment, medium)
                except BaseException as e:
                    e.add_note(f"killed before operation {number}; {cut}")
                    raise
    record_property("power model", model)
    record_property("power points", points)
    record_property("power media", len(media))


def life(episode, files):
    """The operations of an agent that nobody kills."""
    storage = SimulatedStorage(files)
    device = episode.start_on(storage)
    device.booted = episode.device.booted
    go_on(device)
    return storage.operations


def killed_then_restarted(episode, moment, storage):
    device = episode.start_on(storage)
    device.booted = moment.booted
    with pytest.raises(PowerCutError):
        go_on(device)
    storage.power = None
    device = episode.start_on(storage)
    device.booted = moment.booted
    go_on(device)
