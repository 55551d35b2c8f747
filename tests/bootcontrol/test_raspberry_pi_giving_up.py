"""D01, D04: the power is cut at every point of a release's way to being given up."""

import pytest
from support.episodes import Episode
from support.invariants import Cache, complete, restart

from ota_client.testing import every_cut


@pytest.mark.system  # a sweep of its own
def test_every_cut_on_the_way_to_giving_up_leaves_a_device_that_starts_and_updates(tmp_path):
    episode = Episode(tmp_path, ("rootfs",), "raspberry-pi")
    never_comes_up(episode)
    cuts = list(every_cut(episode.storage.operations, whole_sectors=episode.model.whole_sectors))
    media = set()
    for cut in cuts:
        moment, files = episode.moment_at(cut.done), cut.medium(episode.storage)
        medium = (moment.done, hash(tuple(sorted(files.items()))))
        if medium in media:
            continue
        media.add(medium)
        try:
            device = restart(episode, moment, files)
            tries = tries_left(device)
            device.slots.settle()
            left = tries_left(device)
            assert left in {tries, tries - 1}, "one boot took more than one try"
            status = device.client.status()
            if status.bad_releases and str(status.running) == "1.0.0":
                device.client.install()
                assert tries_left(device) == (left or 3), (
                    "a release got what one that was given up left over"
                )
            complete(episode, moment, device, Cache.KEPT)
        except BaseException as e:
            e.add_note(str(cut))
            raise
    print(f"{len(cuts)} points, {len(media)} media")


def never_comes_up(episode):
    episode.release("1.1.0", 2, channel=None)
    episode.release("1.2.0", 2)
    episode.failing.add("1.1.0")
    for _ in range(3):
        episode.install("1.1.0")
        episode.fail_boot()
    episode.device.client.check()
    assert [str(bad.version) for bad in episode.device.client.status().bad_releases] == ["1.1.0"]
    episode.install()
    episode.boot()
    episode.mark_good()


def tries_left(device):
    return device.boot_control.status().slots["B"].tries_left
