"""Simulated devices, before a server in a page: that they do what devices do."""

import asyncio
from collections import Counter
from itertools import count

import pytest
from support.signing_desk import HARDWARE, PRODUCT, version
from support.small_server import TOKEN, SmallServer

from ota_client.errors import ConfigError
from ota_server.simulate import session
from ota_server.simulate.behaviour import Behaviour
from ota_server.simulate.fleet import Fleet, FleetPlan
from ota_server.simulate.run import read_token
from ota_server.simulate.tally import Standing
from ota_server.simulate.verdicts import Repository, Start, Verdicts

START = Start(PRODUCT, HARDWARE, version("1.0.0"), 1)
QUICK = {"time_factor": 100_000.0}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(session, "_BACK_OFF_S", 0.0001)


@pytest.fixture
def play(desk, tmp_path):
    """Let a fleet live until nothing happens; what it saw, and itself."""
    desk.release("1.1.0", 2)

    folders = count()

    def run(server, *, devices=30, each=False, seed=1, on_sample=lambda _: None, **behaviour):
        plan = FleetPlan(devices, START, "sim-", seed, 20.0, 0.05, sample_s=0.01)
        root = (desk.published / "metadata/1.root.json").read_bytes()
        verdicts = Verdicts(
            Repository(root, desk.published),
            tmp_path / str(next(folders)),
            clock=lambda: desk.now,
            each=each,
        )

        async def live():
            fleet = Fleet(
                plan, Behaviour(**QUICK, **behaviour), server, TOKEN, verdicts, lambda: desk.now
            )
            return await fleet.run(on_sample), fleet

        return asyncio.run(live())

    return run


def test_all_devices_enrol_update_and_report_every_state(play):
    server = SmallServer("1.1.0")
    summary, fleet = play(server)
    assert summary.tally.standings == Counter({Standing.UPDATED: 30})
    states = Counter()
    for (_, state), times in server.counted.items():
        states[state] += times
    assert states == dict.fromkeys(("downloading", "installed", "trial", "confirmed"), 30)
    assert {device.state.runs.version for device in fleet.devices} == {version("1.1.0")}
    assert len(server.addresses) == 30


def test_one_device_verifies_for_all_of_the_same_state(play):
    summary, fleet = play(SmallServer("1.1.0"))
    assert summary.verified == 1
    assert {device.state.runs.rollback_index for device in fleet.devices} == {2}
    assert {device.state.root_version for device in fleet.devices} == {1}


def test_each_device_verifies_for_itself_when_asked_to(play):
    summary, _ = play(SmallServer("1.1.0"), devices=3, each=True)
    assert summary.verified == 3


def test_what_the_device_refuses_is_refused_whatever_the_server_says(play):
    server = SmallServer("9.9.9")
    summary, fleet = play(server, devices=5)
    assert summary.tally.standings == Counter({Standing.REFUSED: 5})
    assert {report["code"] for report in server.ended.values()} == {"unknown-release"}
    assert {device.state.runs.version for device in fleet.devices} == {version("1.0.0")}


def test_a_lossy_network_loses_and_doubles_no_report(play):
    server = SmallServer("1.1.0")
    summary, fleet = play(server, network_fault_share=0.3, failure_share=0.2, fall_back_share=0.2)
    assert summary.tally.faults > 0
    assert set(server.counted.values()) == {1}
    assert summary.tally.reports_acknowledged == server.counted.total() == summary.tally.reports
    assert summary.tally.retries > 0
    for device in fleet.devices:
        assert not device.queue.waiting
        who = device.session.who.device_id
        assert all(server.counted[who, r.state.value] == 1 for r in device.queue.acknowledged)


@pytest.mark.system
def test_the_devices_see_no_more_at_once_than_the_server_lets_in(play):
    server = SmallServer("1.1.0", most=4)
    summary, _ = play(server, network_fault_share=0.1)
    assert summary.tally.standings == Counter({Standing.UPDATED: 30})
    assert 0 < summary.tally.most_updating <= server.most_in_flight == 4


def test_a_bad_release_falls_back_and_is_not_tried_again(play):
    server = SmallServer("1.1.0")
    summary, fleet = play(server, devices=5, bad_versions=frozenset([version("1.1.0")]))
    assert summary.tally.standings == Counter({Standing.FELL_BACK: 5})
    assert {report["state"] for report in server.ended.values()} == {"fell_back"}
    assert {device.state.runs.version for device in fleet.devices} == {version("1.0.0")}
    server.ended.clear()
    assert all(device.state.bad == {version("1.1.0")} for device in fleet.devices)


@pytest.mark.system
def test_the_same_seed_draws_the_same_lives(play):
    def fates(seed):
        return {
            who: report["state"]
            for server in [SmallServer("1.1.0")]
            for _ in [play(server, seed=seed, failure_share=0.3, fall_back_share=0.3)]
            for who, report in server.ended.items()
        }

    assert fates(1) == fates(1) != fates(2)


def test_a_server_that_is_down_is_waited_for(play):
    server = SmallServer("1.1.0")
    server.down = True

    def up_again(sample):
        server.down = sample.at_s < 0.05

    summary, _ = play(server, devices=5, on_sample=up_again)
    assert summary.tally.standings == Counter({Standing.UPDATED: 5})
    assert summary.tally.answers["enrol", 0] > 0


def test_a_busy_server_is_asked_again_and_one_that_refuses_is_not(play):
    server = SmallServer("1.1.0")
    server.statuses = [503, 429, 403]
    summary, _ = play(server, devices=1)
    assert summary.tally.standings == Counter({Standing.TURNED_AWAY: 1})
    assert summary.to_fields()["errors"] == {"403": 1, "429": 1, "503": 1}
    assert summary.tally.retries == 2


@pytest.mark.parametrize("variable", [None, "", "two\nlines"])
def test_without_a_token_there_is_no_device(variable):
    with pytest.raises(ConfigError, match="expected an enrolment token"):
        read_token(None, variable)
