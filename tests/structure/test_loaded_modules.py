"""What a command loads: a device that only looks at itself pays for no network and no signatures."""

import subprocess
import sys

import pytest
from source_tree import ROOT

from ota_client.testing.simulator import SETTINGS, SimulatedDeviceFolder, settings_text

HEAVY = ("tuf", "securesystemslib", "cryptography", "requests", "urllib3", "ssl", "socket")
SCRIPT = """
import sys
from ota_client.cli import main
main(sys.argv[2:], standalone_mode=False)
print(*({*sys.modules} & {*sys.argv[1].split(",")}), file=sys.stderr)
"""


@pytest.fixture
def device(tmp_path):
    text = settings_text(
        product="gateway",
        hardware_id="gw-rev2",
        channel="stable",
        urls=("https://updates.example/",),
        version="1.0.0",
        rollback_index=1,
        images=("rootfs",),
        network="daily_limit_bytes = 1000000",
    )
    text += '\n[server]\nurl = "https://fleet.example"\n'
    SimulatedDeviceFolder(tmp_path).create(text, slot_bytes=4096, factory={})
    return tmp_path / SETTINGS


@pytest.mark.walk(1)
@pytest.mark.parametrize("command", ["status", "mark-good"])
def test_what_must_work_without_a_network_loads_nothing_of_it(command, device):
    arguments = [",".join(HEAVY), "--config", str(device), command]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == "\n"
