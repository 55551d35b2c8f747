"""D10: two agents on one device at once."""

import subprocess
import sys

import pytest
from support.folder_device import make_folder_device

from ota_client.errors import BusyError

HOLD = """
import sys
from ota_client.disk.storage import DiskStorage
with DiskStorage().lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def device(tmp_path, repository):
    device = make_folder_device(tmp_path / "device", repository)
    device.client.check()
    return device


@pytest.fixture
def other_agent(device):
    command = [sys.executable, "-c", HOLD, str(device.path("state/lock"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.walk(1)
@pytest.mark.parametrize("action", ["check", "install", "mark_good", "mark_bad"])
def test_d10_the_second_agent_is_told_that_there_is_another_and_changes_nothing(
    device, other_agent, action
):
    before = device.files()
    with pytest.raises(BusyError, match="no other agent"):
        getattr(device.client, action)()
    assert device.files() == before
    assert str(device.client.status().running) == "1.0.0"


def test_d10_a_killed_agent_leaves_no_lock_behind(device, other_agent):
    other_agent.kill()
    other_agent.wait()
    assert device.client.install().installed
