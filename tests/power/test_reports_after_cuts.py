"""D01, D02, B06: the power is cut at every point of a reported update; each state is counted once.

The server is asked between two operations of the disk. So a cut there is tried with the server as it was
before each of those requests, and as it was after: then the answer was lost.
"""

import hashlib
from copy import deepcopy
from datetime import time

import pytest
from support.fleet_server import MemoryFleetServer, join
from support.simulated import make_device

from ota_client.agent import Agent, Surroundings
from ota_client.agent_settings import AgentSettings, Hooks
from ota_client.hooks import HookRunner
from ota_client.recovery import Phase
from ota_client.testing import Synced, every_cut

SURROUNDINGS = Surroundings(lambda _: False, lambda: 0.5, lambda: time(3))
POLLS_MOST = 8


class Story:
    """One assigned release, from its assignment until the server has heard what became of it."""

    def __init__(self, folder, repository, *, comes_up):
        self.device = make_device(folder, repository)
        self.server = MemoryFleetServer()
        self.server.answered = self.note
        self.comes_up = comes_up
        self.moments = []

    def play(self):
        # whatever the device was before, the server knows that
        self.poll(self.device, self.server)
        self.begun = len(self.device.storage.operations)
        self.server.assignment = (7, "1.1.0")
        self.moments.clear()
        self.note()
        self.go_on(self.device, self.server)

    def note(self):
        server = MemoryFleetServer()
        for name in ("assignment", "counted", "_highest", "inventory_sha256"):
            setattr(server, name, deepcopy(getattr(self.server, name)))
        self.moments.append((len(self.device.storage.operations), server))

    def poll(self, device, server):
        member = join(device, server)
        hooks = HookRunner(Hooks(), {})
        Agent(device.client, AgentSettings(), hooks, SURROUNDINGS, member).poll()

    def go_on(self, device, server):
        """Poll and restart as a device does, until nothing is left to do."""
        for _ in range(POLLS_MOST):
            self.poll(device, server)
            phase = device.client.status().phase
            if phase is Phase.INSTALLED:
                self.restart(device)
            elif server.assignment is None and join(device, server)._with.queue.empty:
                return
        raise AssertionError("the update does not end")

    def restart(self, device):
        if not self.comes_up and device.boot_control.next_slot() == "B":
            device.fail_boot()
        else:
            device.boot()

    def servers_at(self, cut):
        """What the server may have been at a cut; a write that is torn came after all requests."""
        before = [server for at, server in self.moments if at < cut.done]
        meanwhile = [server for at, server in self.moments if at == cut.done]
        possible = [*before[-1:], *meanwhile]
        return possible if cut.torn is None else possible[-1:]


@pytest.mark.walk(1)
@pytest.mark.parametrize("comes_up", [True, False])
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.system)])
def test_each_state_is_counted_once_whatever_the_cut(
    tmp_path, repository, record_property, comes_up, every
):
    story = Story(tmp_path, repository, comes_up=comes_up)
    story.play()
    assert story.server.finals == {"1.1.0 confirmed" if comes_up else "1.1.0 fell_back": 1}
    operations, seen, points = story.device.storage.operations, set(), 0
    for cut in every_cut(operations, first=story.begun):
        if not every and not beside_the_queue(operations, cut):
            continue
        medium = cut.medium(story.device.storage)
        for number, server in enumerate(story.servers_at(cut)):
            points += 1
            key = digest(medium, server)
            if key in seen:
                continue
            seen.add(key)
            try:
                resume(story, cut, deepcopy(server))
            except BaseException as e:
                e.add_note(f"{cut}, server {number}")
                raise
    record_property("power points", points)
    record_property("power media", len(seen))
    record_property("power completed", len(seen))


def beside_the_queue(operations, cut):
    """A clean cut just before the queue is written, or after it was."""
    near = operations[max(0, cut.done - 1) : cut.done + 1]
    clean = cut.torn is None and not cut.lost
    return clean and any(isinstance(o, Synced) and "/state/reports." in o.path for o in near)


def resume(story, cut, server):
    device = story.device.after(cut)
    story.restart(device)
    story.go_on(device, server)
    assert server.states == story.server.states
    sequences = [report["sequence"] for report in server.counted]
    assert sequences == sorted(set(sequences))
    assert {report["assignment"] for report in server.counted} == {7}


def digest(medium, server):
    """Everything but the slots' bytes, which the queue does not look at."""
    whole = hashlib.sha256(repr((server.states, server.assignment)).encode())
    for path in sorted(path for path in medium if "/slots/" not in path):
        whole.update(f"\0{path}\0".encode() + medium[path])
    return whole.digest()
