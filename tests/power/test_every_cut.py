"""D01, D02: the power is cut at every point of whole updates, and every medium it leaves is started."""

import hashlib
from itertools import cycle

import pytest
from support.boot_loaders.models import MODELS
from support.episodes import STORIES, record
from support.invariants import Cache, complete, restart, what_it_sees

from ota_client.testing import every_cut

PARTS = 2
PARAMETERS = [
    (story, model, part)
    for story in STORIES
    for model in MODELS
    for part in range(PARTS)
    if model == "file" or story == "whole cycle"
]


# a quick sweep of the same is in tests/attacks, so that `make test` stays under a minute
@pytest.mark.system
@pytest.mark.parametrize(("story", "model", "part"), PARAMETERS)
def test_every_cut_leaves_a_device_that_starts_and_completes_its_update(
    story, model, part, tmp_path, record_property
):
    episode = record(story, tmp_path, model)
    cuts = every_cut(episode.storage.operations, whole_sectors=episode.model.whole_sectors)
    cuts = [cut for cut in cuts if cut.done % PARTS == part]
    media, completed, caches = set(), set(), cycle(Cache)
    for cut in cuts:
        moment, files = episode.moment_at(cut.done), cut.medium(episode.storage)
        medium = digest(moment.done, files)
        if medium in media:
            continue
        media.add(medium)
        try:
            device = restart(episode, moment, files)
            sees = (len(moment.served), device.booted, what_it_sees(episode, device))
            if sees not in completed:
                completed.add(sees)
                complete(episode, moment, device, next(caches))
        except BaseException as e:
            e.add_note(f"{story}, {model}: {cut}")
            raise
    record_property("power model", model)
    record_property("power points", len(cuts))
    record_property("power media", len(media))
    record_property("power completed", len(completed))


def digest(done, files):
    whole = hashlib.sha256(str(done).encode())
    for path in sorted(files):
        whole.update(f"\0{path}\0{len(files[path])}\0".encode())
        whole.update(files[path])
    return whole.digest()
