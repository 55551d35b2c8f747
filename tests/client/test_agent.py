"""The polling loop: what it does in which order, and how long it waits."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.simulated import make_device

from ota_client.agent import Agent, AgentStoppedError, Surroundings
from ota_client.agent_settings import AgentSettings, Hooks, Window
from ota_client.errors import FetchError, HookError
from ota_client.hooks import HookRunner
from ota_client.recovery import Phase


class Recorder:
    """Hooks that remember when they were called, and may fail."""

    def __init__(self, *, fails=()):
        self.called = []
        self._fails = fails

    def __getattr__(self, name):
        def hook(*_):
            self.called.append(name)
            if name in self._fails:
                raise HookError(f"hook {name}: expected exit 0, got 1")

        return hook


def make_agent(device, hooks, *, stop_after=1, settings=None, now=time(3)):
    waits = []

    def wait(seconds):
        if seconds:
            waits.append(seconds)
        return len(waits) >= stop_after

    surroundings = Surroundings(wait=wait, random=lambda: 0.5, local_time=lambda: now)
    return Agent(device.client, settings or AgentSettings(), hooks, surroundings), waits


@pytest.fixture
def device(tmp_path, repository):
    return make_device(tmp_path, repository)


def test_an_update_goes_through_its_hooks_in_order(device):
    hooks = Recorder()
    agent, _ = make_agent(device, hooks)
    agent.run()
    assert hooks.called == ["pre_install", "post_write", "post_install", "reboot"]
    assert device.client.status().phase is Phase.INSTALLED
    device.boot()
    hooks.called.clear()
    agent, _ = make_agent(device, hooks)
    agent.run()
    assert hooks.called == ["health_check"]
    assert device.client.status().phase is Phase.IDLE
    assert str(device.client.status().running) == "1.1.0"


def test_a_release_that_waits_for_its_boot_is_restarted_but_not_announced_again(device):
    hooks = Recorder()
    agent, _ = make_agent(device, hooks, stop_after=2)
    agent.run()
    assert hooks.called == ["pre_install", "post_write", "post_install", "reboot", "reboot"]


def test_a_trial_that_is_not_well_is_given_up(device):
    make_agent(device, Recorder())[0].run()
    device.boot()
    hooks = Recorder(fails={"health_check"})
    make_agent(device, hooks)[0].run()
    assert hooks.called == ["health_check", "reboot"]
    assert device.boot() == "A"
    status = device.client.status()
    assert [str(bad.version) for bad in status.bad_releases] == ["1.1.0"]
    assert status.stored_rollback_index == 1


def test_a_trial_is_confirmed_without_the_network(device, repository):
    make_agent(device, Recorder())[0].run()
    device.boot()
    repository.files.clear()
    make_agent(device, Recorder())[0].run()
    assert device.client.status().phase is Phase.IDLE
    assert device.client.status().stored_rollback_index == 2


def test_the_pre_install_hook_can_refuse_before_anything_is_written(device):
    before = device.storage.files()
    agent, _ = make_agent(device, Recorder(fails={"pre_install"}))
    with pytest.raises(HookError):
        agent.poll()
    after = device.storage.files()
    assert {path for path in before if before[path] != after[path]} == set()


def test_outside_the_maintenance_window_the_agent_only_looks(device):
    settings = AgentSettings(window=Window(time(2), time(5)))
    hooks = Recorder()
    make_agent(device, hooks, settings=settings, now=time(12))[0].run()
    assert hooks.called == []
    assert device.client.status().offered is not None
    make_agent(device, hooks, settings=settings, now=time(2))[0].run()
    assert "reboot" in hooks.called


def test_a_stop_in_mid_install_is_clean_and_the_next_start_resumes(device):
    agent, _ = make_agent(device, Recorder(), stop_after=0)
    with pytest.raises(AgentStoppedError):
        agent.poll()
    make_agent(device, Recorder())[0].run()
    assert device.boot() == "B"


def test_failures_double_the_wait_and_a_success_resets_it(device, repository):
    files = dict(repository.files)
    repository.files.clear()
    settings = AgentSettings(poll_s=100, backoff_most_s=350)
    agent, waits = make_agent(device, Recorder(), stop_after=4, settings=settings)
    agent.run()
    assert waits == [100, 200, 350, 350]
    repository.files.update(files)
    agent, waits = make_agent(device, Recorder(), settings=settings)
    agent.run()
    assert waits == [100]


@given(st.integers(0, 5000), st.floats(0, 1, exclude_max=True), st.integers(1, 10**6))
def test_no_wait_is_longer_or_shorter_than_the_settings_say(failures, chance, poll_s):
    settings = AgentSettings(poll_s=poll_s)
    surroundings = Surroundings(lambda _: True, lambda: chance, lambda: time(0))
    wait_s = Agent(None, settings, None, surroundings).wait_s(failures)
    longest = max(settings.backoff_most_s, poll_s)
    assert 0.75 * poll_s <= wait_s <= 1.25 * longest


@given(st.times(), st.times(), st.times())
def test_a_window_and_the_one_from_its_end_to_its_start_share_no_moment(start, end, moment):
    window, rest = Window(start, end), Window(end, start)
    if start != end:
        assert window.contains(moment) != rest.contains(moment)


def test_a_window_may_span_midnight():
    window = Window(time(22), time(4))
    assert window.contains(time(23))
    assert window.contains(time(3, 59))
    assert not window.contains(time(4))


def test_errors_do_not_end_the_agent(device):
    def down():
        raise FetchError("down")

    agent, waits = make_agent(device, Recorder(), stop_after=3)
    object.__setattr__(device.client._ports, "fetcher", down)
    agent.run()
    assert len(waits) == 3


def test_a_hook_gets_the_advisories_as_json_and_no_shell(tmp_path, repository):
    seen = tmp_path / "seen.json"
    hooks = Hooks(advisories=("tee", str(seen)))
    device = make_device(tmp_path, repository)
    check = device.client.check()
    HookRunner(hooks, {"PATH": "/usr/bin:/bin"}).advisories(check)
    assert '"offered_version": "1.1.0"' in seen.read_text()


@pytest.mark.walk(2)
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("false",), "expected false to end with 0, got 1"),
        (("no-such-command",), "expected to run no-such-command"),
        (("sleep", "60"), "expected sleep to end within 1 s"),
    ],
)
def test_a_hook_that_fails_is_told_in_one_sentence(command, said):
    hooks = HookRunner(Hooks(health_check=command, deadline_s=1), {"PATH": "/usr/bin:/bin"})
    with pytest.raises(HookError, match=said):
        hooks.health_check()
