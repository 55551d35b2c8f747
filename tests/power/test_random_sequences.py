"""Random lives of a device, with cuts and killed agents anywhere in them (D01 to D04, D06, D12)."""

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.boot_loaders.models import MODELS
from support.episodes import Episode
from support.invariants import Cache, check_floors, complete, put_cache, restart

from ota_client import InstallError, RefusedError, VerificationError
from ota_client.testing import PowerCutError, every_cut

ACTIONS = ("check", "install", "mark_good", "mark_bad", "status")
NEVER = 10_000


class DeviceLife(RuleBasedStateMachine):
    model = "file"

    @initialize(images=st.sampled_from([("rootfs",), ("kernel", "rootfs")]))
    def leave_the_factory(self, images):
        self.folder = tempfile.TemporaryDirectory()
        self.episode = Episode(Path(self.folder.name), images, self.model)
        self.published = self.starts = 0
        self.publish(step=0, tampered=False)

    @property
    def device(self):
        return self.episode.device

    @rule(step=st.sampled_from([-1, 0, 0, 1]), tampered=st.booleans())
    def publish(self, step, tampered):
        episode = self.episode
        self.published += 1
        episode.repository.now += timedelta(minutes=1)
        version = f"1.{self.published}.0"
        episode.failing.add(version)
        episode.release(version, max(0, max(episode.indexes.values()) + step))
        if tampered:
            self._tamper(f"/{version}/")

    @rule(action=st.sampled_from(ACTIONS))
    def act(self, action):
        self._act(action)
        self.episode.note()

    @rule()
    def boot(self):
        self.episode.boot()
        self._started()

    @precondition(lambda self: self._on_trial())
    @rule()
    def fail_boot(self):
        self.episode.fail_boot()

    @rule(action=st.sampled_from((*ACTIONS, "boot")), at=st.integers(0, 40))
    def kill(self, action, at):
        """The agent dies; what it wrote stays in the page cache."""
        if action != "boot" and not self._powered(action, at):
            booted = self.device.booted
            self.episode.device = self.episode.start_on(self.device.storage)
            self.device.booted = booted

    @rule(
        action=st.sampled_from((*ACTIONS, "boot")),
        at=st.integers(0, 40) | st.just(NEVER),
        choose=st.integers(0, NEVER),
        cache=st.sampled_from(Cache),
    )
    def cut(self, action, at, choose, cache):
        """The power goes off, and with it some of what was not durable."""
        before, storage = self.episode.moments[-1], self.device.storage
        start = len(storage.operations)
        after = self.episode.note() if self._powered(action, at) else before
        last = len(storage.operations)
        whole_sectors = self.episode.model.whole_sectors
        first = max(start, last - 1)
        cuts = list(every_cut(storage.operations, first=first, whole_sectors=whole_sectors))
        cut = cuts[choose % len(cuts)]
        moment = after if cut.done == last else before
        put_cache(self.episode, moment, cache)
        self.episode.device = restart(self.episode, moment, cut.medium(storage))
        self.episode.note()
        self._started()

    @invariant()
    def floors_hold(self):
        check_floors(self.episode, self.episode.moments[-1], self.device)

    def teardown(self):
        if hasattr(self, "episode"):
            self.device.boot()
            self.publish(step=0, tampered=False)
            complete(self.episode, self.episode.moments[-1], self.device, Cache.KEPT)
            self.folder.cleanup()

    def _powered(self, action, at):
        """Whether the action came to its end before the power went off."""
        storage = self.device.storage
        storage.power = len(storage.operations) + at
        try:
            self._act(action)
        except PowerCutError:
            return False
        finally:
            storage.power = None
        return True

    def _act(self, action):
        if action == "boot":
            self.device.boot()
            return
        with suppress(RefusedError, VerificationError, InstallError):
            getattr(self.device.client, action)()

    def _started(self):
        """After two starts the agent runs: until then some boot loaders count confirmed slots too."""
        self.starts += 1
        if self.starts > 1:
            self._act("check")
            self.episode.note()
            self.starts = 0

    def _on_trial(self):
        status = self.device.boot_control.status()
        # a boot loader that counts confirmed slots too may name none until these are confirmed anew
        return status.primary is not None and not status.slots[status.primary].good

    def _tamper(self, release):
        files = self.episode.repository.files
        for path, data in files.items():
            if release in path and path.endswith(".data"):
                files[path] = bytes(reversed(data))


QUICK = settings(
    max_examples=6,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestRandomLives = DeviceLife.TestCase
TestRandomLives.settings = QUICK


@pytest.mark.system
@pytest.mark.parametrize("model", MODELS)
def test_more_random_lives_on_every_boot_loader(model):
    life = type("Life", (DeviceLife,), {"model": model})
    run_state_machine_as_test(life, settings=settings(QUICK, max_examples=40 if model == "file" else 15))
