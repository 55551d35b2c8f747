"""The agent with an update server: what it does in which order, what it reports, how long it waits."""

from datetime import time

import pytest
from support.fleet_server import MemoryFleetServer, join
from support.memory_repository import Release
from support.simulated import make_device

from ota_client.agent import Agent, AgentStoppedError, Surroundings
from ota_client.agent_settings import AgentSettings, Hooks, Window
from ota_client.errors import (
    DowngradeError,
    FetchError,
    HookError,
    HttpStatusError,
    NotAuthorisedError,
    PostponedError,
    UnknownReleaseError,
)
from ota_client.fleet.consent import Consent
from ota_client.formats.version import Version
from ota_client.protocol import ATTRIBUTES, CHECK_IN, REPORTS
from ota_client.recovery import Phase

WAY = ["1.1.0 downloading", "1.1.0 installed", "1.1.0 trial", "1.1.0 confirmed"]


class Recorder:
    """Hooks that remember when they were called, and may fail."""

    def __init__(self, *, fails=(), consents=False, prints=None):
        self.called, self._fails, self._consents, self._prints = [], fails, consents, prints
        self.hooks = Hooks(attributes=("print",) if prints is not None else ())

    def __getattr__(self, name):
        def hook(*_):
            self.called.append(name)
            if name in self._fails:
                error = PostponedError if name == "pre_install" else HookError
                raise error(f"hook {name}: expected exit 0, got 1")

        return hook

    def consent(self, check):
        self.called.append(f"consent {check.offered.version}")
        return self._consents

    def attributes(self):
        return self._prints


@pytest.fixture
def server():
    return MemoryFleetServer()


@pytest.fixture
def device(tmp_path, repository):
    return make_device(tmp_path, repository)


def make_agent(device, server, *, hooks=None, polls=1, settings=None, now=time(3), **more):
    """An agent as a new process makes it; ``waits`` are its pauses."""
    waits = []

    def wait(seconds):
        if seconds:
            waits.append(seconds)
        return len(waits) >= polls

    surroundings = Surroundings(wait=wait, random=lambda: 0.5, local_time=lambda: now)
    member = join(device, server, **more)
    agent = Agent(device.client, settings or AgentSettings(), hooks or Recorder(), surroundings, member)
    return agent, waits


def poll(device, server, **more):
    make_agent(device, server, **more)[0].poll()


def update(device, server):
    server.assignment = (7, "1.1.0")
    poll(device, server)
    device.boot()
    poll(device, server)


def test_an_assigned_release_is_installed_and_each_state_is_reported_once(device, server):
    update(device, server)
    poll(device, server)
    assert server.states == WAY
    assert {report.get("assignment") for report in server.counted} == {7}
    assert [report["sequence"] for report in server.counted] == [1, 2, 3, 4]
    assert str(device.client.status().running) == "1.1.0"
    assert [said["phase"] for said in server.check_ins] == ["idle", "idle", "idle"]
    assert [said["running_version"] for said in server.check_ins] == ["1.0.0", "1.1.0", "1.1.0"]


def test_the_download_is_told_before_and_the_installation_before_the_restart(device, server):
    server.assignment = (7, "1.1.0")
    told = {}
    hooks = Recorder()
    hooks.post_write = lambda *_: told.setdefault("post_write", list(server.states))
    hooks.reboot = lambda *_: told.setdefault("reboot", list(server.states))
    poll(device, server, hooks=hooks)
    assert told == {"post_write": WAY[:1], "reboot": WAY[:2]}


def test_without_an_assignment_nothing_is_installed_but_the_owner_hears_of_the_channel(device, server):
    poll(device, server)
    status = device.client.status()
    assert (status.phase, str(status.offered)) == (Phase.IDLE, "1.1.0")
    assert server.states == []


def test_a_device_that_also_follows_its_channel_does_so_where_nothing_is_assigned(device, server):
    poll(device, server, follow_channel=True)
    assert device.client.status().phase is Phase.INSTALLED
    assert server.states == ["1.1.0 installed"]
    assert "assignment" not in server.counted[0]


def test_a_server_that_cannot_be_reached_does_not_stop_a_channel_that_is_followed_too(device, server):
    server.answers[CHECK_IN] = FetchError("down")
    with pytest.raises(FetchError, match="down"):
        poll(device, server, follow_channel=True)
    assert device.client.status().phase is Phase.INSTALLED


def test_the_channel_is_looked_at_as_often_as_without_a_server(device, server, repository):
    settings = AgentSettings(poll_s=200)
    make_agent(device, server, polls=5, settings=settings)[0].run()
    assert len(server.check_ins) == 5
    assert sum(url.endswith("timestamp.json") for url in repository.requests) == 2


def test_a_trial_is_confirmed_while_the_server_is_down_and_reported_afterwards(device, server):
    server.assignment = (7, "1.1.0")
    poll(device, server)
    device.boot()
    server.answers = dict.fromkeys((CHECK_IN, REPORTS), FetchError("down"))
    with pytest.raises(FetchError):
        poll(device, server)
    assert device.client.status().phase is Phase.IDLE
    assert device.client.status().stored_rollback_index == 2
    server.answers.clear()
    poll(device, server)
    assert server.states == WAY
    assert server.assignment is None


def test_a_fallback_is_reported_with_its_assignment(device, server):
    server.assignment = (7, "1.1.0")
    poll(device, server)
    device.fail_boot()
    poll(device, server)
    assert server.states == [*WAY[:2], "1.1.0 fell_back"]
    assert server.counted[-1]["assignment"] == 7


def test_a_trial_that_is_not_well_is_given_up_and_reported(device, server):
    server.assignment = (7, "1.1.0")
    poll(device, server)
    device.boot()
    with pytest.raises(HookError):
        poll(device, server, hooks=Recorder(fails={"health_check"}))
    device.boot()
    poll(device, server)
    assert server.states == [*WAY[:2], "1.1.0 fell_back"]


@pytest.mark.parametrize(
    ("version", "error", "said"),
    [
        ("0.9.0", DowngradeError, ("refused", "downgrade")),
        ("7.0.0", UnknownReleaseError, ("failed", "unknown-release")),
    ],
)
def test_a_release_that_the_device_does_not_take_is_reported_with_its_code(
    device, server, repository, version, error, said
):
    repository.put(Release("0.9.0"), channel=None)
    server.assignment = (8, version)
    with pytest.raises(error):
        poll(device, server)
    (report,) = server.counted
    assert (report["state"], report["code"]) == said
    assert report["assignment"] == 8
    assert report["detail"]


def test_a_release_that_was_assigned_again_after_it_failed_is_tried_and_reported_again(
    device, server, repository
):
    server.assignment = (7, "1.1.0")
    hooks = Recorder(fails={"post_write"})
    for _ in range(2):
        with pytest.raises(HookError):
            poll(device, server, hooks=hooks)
        assert server.assignment is None
        server.assignment = (7, "1.1.0")
    assert server.states == ["1.1.0 downloading", "1.1.0 failed"] * 2
    update(device, server)
    assert server.states[4:] == WAY


def test_an_answer_that_the_server_has_not_heard_is_not_given_twice(device, server):
    server.assignment = (7, "7.0.0")
    server.answers[REPORTS] = FetchError("down")
    with pytest.raises(UnknownReleaseError):
        poll(device, server)
    poll(device, server)
    server.answers.clear()
    poll(device, server)
    assert server.states == ["7.0.0 failed"]


def test_what_the_device_tries_again_by_itself_is_no_failure(device, server, repository):
    server.assignment = (7, "1.1.0")
    with pytest.raises(PostponedError):
        poll(device, server, hooks=Recorder(fails={"pre_install"}))
    payload = next(path for path in repository.files if path.endswith("rootfs.data"))
    data = repository.files.pop(payload)
    with pytest.raises(FetchError):
        poll(device, server)
    repository.files[payload] = data
    update(device, server)
    assert server.states == WAY


def test_a_release_that_runs_already_is_confirmed_to_the_server(device, server):
    device.client.install()
    device.boot()
    device.client.mark_good()
    poll(device, server)
    server.assignment = (9, "1.1.0")
    poll(device, server)
    assert server.states == ["1.1.0 confirmed"]
    assert server.counted[-1]["assignment"] == 9


def test_what_other_hands_installed_is_reported_without_an_assignment(device, server):
    poll(device, server)
    device.client.install()
    device.boot()
    device.client.mark_good()
    poll(device, server)
    assert server.states == ["1.1.0 confirmed"]
    assert "assignment" not in server.counted[0]


def test_a_stepping_stone_and_the_release_behind_it_answer_the_same_assignment(
    device, server, repository
):
    repository.put(Release("1.2.0", rollback_index=2, min_version="1.1.0"))
    update(device, server)
    server.assignment = (7, "1.2.0")
    poll(device, server)
    device.boot()
    poll(device, server)
    assert server.finals == {"1.1.0 confirmed": 1, "1.2.0 confirmed": 1}
    assert {report["assignment"] for report in server.counted} == {7}


def test_the_owner_is_asked_about_a_verified_release_and_then_it_is_installed(device, server):
    server.assignment, server.consent_wanted = (7, "1.1.0"), True
    hooks = Recorder()
    poll(device, server, hooks=hooks)
    assert hooks.called == ["consent 1.1.0"]
    assert server.states == []
    hooks = Recorder(consents=True)
    poll(device, server, hooks=hooks)
    assert hooks.called[0] == "consent 1.1.0"
    assert [said.get("consent") for said in server.check_ins] == [None, None, 7]
    assert device.client.status().phase is Phase.INSTALLED


def test_the_owner_may_have_agreed_by_command(device, server):
    server.assignment, server.consent_wanted = (7, "1.1.0"), True
    consent = Consent(device.storage, device.config.state_dir)
    consent.give(Version(1, 0, 9))
    hooks = Recorder()
    poll(device, server, hooks=hooks)
    assert device.client.status().phase is Phase.IDLE
    consent.give(Version(1, 1, 0))
    poll(device, server, hooks=hooks)
    assert device.client.status().phase is Phase.INSTALLED


def test_the_owner_is_not_asked_about_what_is_not_genuine(device, server):
    server.assignment, server.consent_wanted = (7, "7.0.0"), True
    hooks = Recorder(consents=True)
    with pytest.raises(UnknownReleaseError):
        poll(device, server, hooks=hooks)
    assert hooks.called == []


def test_outside_the_maintenance_window_an_assignment_is_only_looked_at(device, server):
    server.assignment = (7, "1.1.0")
    settings = AgentSettings(window=Window(time(2), time(5)))
    poll(device, server, settings=settings, now=time(12))
    assert (device.client.status().phase, server.states) == (Phase.IDLE, [])
    poll(device, server, settings=settings, now=time(2))
    assert device.client.status().phase is Phase.INSTALLED


def test_the_inventory_is_sent_when_the_server_has_another(device, server):
    hooks = Recorder(prints=b'{"region": "eu", "cores": 4, "battery": true}')
    for _ in range(2):
        poll(device, server, hooks=hooks, attributes={"region": "none", "site": "north"})
    assert server.inventory["attributes"] == {
        "region": "eu",
        "cores": 4,
        "battery": True,
        "site": "north",
    }
    assert [slot["name"] for slot in server.inventory["slots"]] == ["A", "B"]
    assert server.inventory["slots"][0]["version"] == "1.0.0"
    assert sum(ATTRIBUTES in request for request in server.requests) == 1


@pytest.mark.parametrize(
    "printed", [b"", b"[]", b'{"a": 1.5}', b'{"A": 1}', b'{"a": "\\n"}', b'{"a":{}}']
)
def test_what_the_attributes_hook_prints_wrongly_is_left_out(device, server, printed):
    poll(device, server, hooks=Recorder(prints=printed), attributes={"site": "north"})
    assert server.inventory["attributes"] == {"site": "north"}


def test_an_inventory_that_the_server_does_not_take_holds_up_no_update(device, server):
    server.assignment = (7, "1.1.0")
    server.answers[ATTRIBUTES] = HttpStatusError("422", 422)
    poll(device, server)
    assert device.client.status().phase is Phase.INSTALLED


@pytest.mark.parametrize(
    ("asked_s", "waited_s"), [(60, 60), (1, 30), (30 * 86_400, 86_400)], ids=["as told", "least", "most"]
)
def test_the_server_says_when_to_come_again_within_bounds(device, server, asked_s, waited_s):
    server.check_in_after_s = asked_s
    agent, waits = make_agent(device, server)
    agent.run()
    assert waits == [waited_s]


def test_failures_double_the_wait_from_the_devices_own_interval(device, server):
    server.answers[CHECK_IN] = FetchError("down")
    agent, waits = make_agent(device, server, polls=4, settings=AgentSettings(backoff_most_s=700))
    agent.run()
    assert waits == [300, 600, 700, 700]


def test_retry_after_is_honoured_with_jitter_upwards_only(device, server):
    server.answers[CHECK_IN] = HttpStatusError("busy", 503, retry_after_s=1000)
    agent, waits = make_agent(device, server)
    agent.run()
    assert waits == [1000 * 1.125]


def test_a_device_that_is_not_known_comes_back_late(device, server, caplog):
    server.answers[CHECK_IN] = NotAuthorisedError("revoked: ask the server's operator")
    agent, waits = make_agent(device, server)
    agent.run()
    assert waits == [6 * 3600]
    assert "ask the server's operator [not-authorised]" in caplog.text


def test_a_stop_in_mid_install_is_clean_and_the_next_start_resumes(device, server):
    server.assignment = (7, "1.1.0")
    with pytest.raises(AgentStoppedError):
        poll(device, server, polls=0)
    update(device, server)
    assert server.states == WAY
