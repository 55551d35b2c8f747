"""B01: the update server is taken over. What it assigns is verified like anything else."""

import json
from contextlib import contextmanager
from datetime import time

import pytest
from support.attacks import refused
from support.fleet_server import MemoryFleetServer, join
from support.memory_repository import Release

from ota_client.agent import Agent, Surroundings
from ota_client.agent_settings import AgentSettings, Hooks
from ota_client.errors import (
    DowngradeError,
    FetchError,
    HardwareMismatchError,
    KnownBadReleaseError,
    RollbackIndexError,
    RollbackIndexJumpError,
    SteppingStoneError,
    UnknownReleaseError,
)
from ota_client.fleet.queue_content import ENTRIES_MOST
from ota_client.formats.version import Version
from ota_client.hooks import HookRunner
from ota_client.protocol import CHECK_IN, REPORTS, Assignment

HONEST = {"check_in_after_s": 60, "inventory_wanted": False}
GENUINE = {"id": 7, "version": "1.1.0", "consent_wanted": False}


@pytest.fixture
def server():
    return MemoryFleetServer()


def poll(device, server):
    surroundings = Surroundings(lambda _: False, lambda: 0.5, lambda: time(3))
    member = join(device, server)
    Agent(device.client, AgentSettings(), HookRunner(Hooks(), {}), surroundings, member).poll()


@contextmanager
def unmoved_but_its_queue(device):
    """Slots, boot record, memory, trust floor and stored index stay as they are, byte for byte."""
    before = files(device)
    yield
    assert files(device) == before


def files(device):
    everything = device.storage.files()
    return {path: data for path, data in everything.items() if "/state/reports." not in path}


def old(_, repository):
    repository.put(Release("0.9.0"), channel=None)
    return "0.9.0", DowngradeError


def below_the_stored_index(_, repository):
    repository.put(Release("1.2.0", rollback_index=0), channel=None)
    return "1.2.0", RollbackIndexError


def far_above_the_stored_index(_, repository):
    repository.put(Release("1.2.0", rollback_index=5000), channel=None)
    return "1.2.0", RollbackIndexJumpError


def unlisted(_, __):
    return "7.0.0", UnknownReleaseError


def of_another_product(_, repository):
    repository.add_product("camera")
    repository.put(Release("3.0.0", product="camera"), channel=None)
    return "3.0.0", UnknownReleaseError


def for_other_hardware(_, repository):
    repository.put(Release("1.2.0", rollback_index=2, hardware_ids=("gw-rev9",)), channel=None)
    return "1.2.0", HardwareMismatchError


def behind_a_stepping_stone(_, repository):
    repository.put(Release("1.2.0", rollback_index=2, min_version="1.1.0"), channel=None)
    return "1.2.0", SteppingStoneError


def known_bad(device, _):
    device.client.install()
    device.fail_boot()
    device.client.mark_good()
    return "1.1.0", KnownBadReleaseError


LIES = [
    old,
    below_the_stored_index,
    far_above_the_stored_index,
    unlisted,
    of_another_product,
    for_other_hardware,
    behind_a_stepping_stone,
    known_bad,
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_b01_a_release_that_is_not_for_the_device_is_refused_and_reported(
    device, repository, server, lie
):
    version, error = lie(device, repository)
    poll(device, server)
    server.assignment = (7, version)
    with unmoved_but_its_queue(device), refused(error):
        poll(device, server)
    report = server.counted[-1]
    assert (report["version"], report["assignment"], report["code"]) == (version, 7, error.code)
    assert report["state"] in {"refused", "failed"}


def test_b01_a_genuine_release_by_a_lying_server_is_still_genuine(device, server):
    server.assignment = (7, "1.1.0")
    poll(device, server)
    device.boot()
    poll(device, server)
    assert server.finals == {"1.1.0 confirmed": 1}


def answer(**changes):
    return json.dumps({**HONEST, **changes}).encode()


def assigning(**changes):
    return answer(assignment={**GENUINE, **changes})


ODD = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"1.1.0"',
    "not UTF-8": b'{"\xff": 1}',
    "too long": answer(**{"x-": "a" * 5000}),
    "nested": b"[" * 4000,
    "a name twice": b'{"check_in_after_s":60,"check_in_after_s":1,"inventory_wanted":false}',
    "NaN": b'{"check_in_after_s":NaN,"inventory_wanted":false}',
    "a float": answer(check_in_after_s=60.5),
    "a huge number": answer(check_in_after_s=10**40),
    "at once": answer(check_in_after_s=0),
    "in the past": answer(check_in_after_s=-1),
    "a number as text": answer(check_in_after_s="60"),
    "a flag as number": answer(inventory_wanted=1),
    "an unknown field": answer(command="reboot"),
    "a field missing": b'{"check_in_after_s":60}',
    "an empty assignment": answer(assignment={}),
    "an assignment that is a list": answer(assignment=[GENUINE]),
    "id 0": assigning(id=0),
    "id -1": assigning(id=-1),
    "an id too large": assigning(id=2**31),
    "an id as text": assigning(id="7"),
    "an id as flag": assigning(id=True),
    "a path as version": assigning(version="../../1.1.0"),
    "build metadata": assigning(version="1.1.0+evil"),
    "a long version": assigning(version="1.1.0-" + "a" * 60),
    "a line end in the version": assigning(version="1.1.0\n"),
    "a url in the assignment": assigning(url="https://evil.example/"),
    "a surrogate": b'{"check_in_after_s":60,"inventory_wanted":false,"x-":"\\ud800"}',
}


def test_b01_an_odd_answer_is_no_answer(device, server, subtests):
    poll(device, server)
    for name, odd in ODD.items():
        server.answers[CHECK_IN] = odd
        with (
            subtests.test(name),
            unmoved_but_its_queue(device),
            pytest.raises(FetchError) as caught,
        ):
            poll(device, server)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400
        assert device.client.status().server.assigned is None


def test_b01_other_ids_for_the_same_lie_move_nothing_and_fill_no_disk(device, server):
    poll(device, server)
    with unmoved_but_its_queue(device):
        for number in range(1, 4):
            server.assignment = (number, "7.0.0")
            with refused(UnknownReleaseError):
                poll(device, server)
    assert [report["assignment"] for report in server.counted] == [1, 2, 3]


def test_b01_a_server_that_takes_no_report_fills_no_disk(device, server):
    server.answers[REPORTS] = b'{"accepted": 0}'
    member = join(device, server)
    member.report()
    for number in range(1, ENTRIES_MOST + 5):
        lie = Assignment(number, Version(7, 0, 0), consent_wanted=False)
        member.failed(lie, UnknownReleaseError("x" * 1000))
    member.report()
    assert device.client.status().server.reports_waiting == ENTRIES_MOST


@pytest.mark.parametrize("accepted", [b'{"accepted": 9007199254740991}', b'{"accepted": 1}'])
def test_b01_a_lie_about_what_was_counted_costs_no_later_report(device, server, accepted):
    server.assignment = (7, "1.1.0")
    server.answers[REPORTS] = accepted
    poll(device, server)
    device.boot()
    server.answers.clear()
    poll(device, server)
    assert server.finals == {"1.1.0 confirmed": 1}


@pytest.mark.parametrize(
    "odd", [b"", b"{}", b'{"accepted": -1}', b'{"accepted": "4"}', b'{"accepted":1,"do":"it"}']
)
def test_b01_an_odd_word_about_reports_keeps_them(device, server, odd):
    server.assignment = (7, "1.1.0")
    server.answers[REPORTS] = odd
    poll(device, server)
    device.boot()
    poll(device, server)
    assert device.client.status().server.reports_waiting == 4
    server.answers.clear()
    server.counted.clear()
    server._highest.clear()
    poll(device, server)
    assert server.finals == {"1.1.0 confirmed": 1}


def test_b01_no_answer_makes_a_device_skip_its_trial(device, server):
    """The server cannot confirm, and cannot keep a device from confirming."""
    server.assignment = (7, "1.1.0")
    poll(device, server)
    device.boot()
    server.answers[CHECK_IN] = b"{}"
    with pytest.raises(FetchError):
        poll(device, server)
    assert device.client.status().stored_rollback_index == 2
