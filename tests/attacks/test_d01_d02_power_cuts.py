"""D01, D02: the power fails anywhere in an installation. The whole sweep is in tests/power/."""

import pytest
from support.episodes import Episode
from support.invariants import restart

from ota_client.testing import every_cut


@pytest.fixture
def episode(tmp_path):
    episode = Episode(tmp_path, ("rootfs",))
    episode.release("1.1.0", 2)
    return episode


def restarts_after(episode, wanted):
    for cut in every_cut(episode.storage.operations):
        if wanted(cut):
            device = restart(episode, episode.moment_at(cut.done), cut.medium(episode.storage))
            assert device.client.status().stored_rollback_index == 1
            yield device


def test_d01_a_cut_before_in_and_after_each_operation_leaves_a_device_that_starts(episode):
    episode.install()
    booted = [device.booted for device in restarts_after(episode, lambda cut: not cut.lost)]
    assert len(booted) > len(episode.storage.operations)
    # the old release runs until the one write that activates the new one, and never after it
    assert booted == sorted(booted)
    assert set(booted) == {"A", "B"}


@pytest.mark.system
def test_d02_a_cut_that_loses_what_was_not_durable_leaves_a_device_that_starts(episode):
    episode.install()
    assert len(list(restarts_after(episode, lambda cut: cut.lost))) > 100
