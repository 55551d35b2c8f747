"""The shipped restart script. It finds its commands in a folder of stubs alone: nothing restarts."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ota_client.bootcontrol.raspberry_pi.autoboot import Autoboot

SCRIPT = Path(__file__).parents[2] / "integration/raspberry-pi/restart"


@pytest.fixture
def commands(tmp_path):
    """Stubs of what restarts, which tell what they were given; and the real tools that only read."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sed", "head", "tail"):
        (folder / name).symlink_to(shutil.which(name))
    for name in ("reboot", "vcmailbox"):
        stub = folder / name
        stub.write_text(f'#!/bin/sh\necho "{name} [$*]" >&2\n[ $# -ne 2 ]\n', encoding="utf-8")
        stub.chmod(0o755)
    return folder


def restart(commands, autoboot, systemd):
    file = commands.parent / "autoboot.txt"
    file.write_bytes(autoboot.to_bytes())
    done = subprocess.run(
        ["/bin/sh", SCRIPT, file],
        env={"PATH": str(commands), "SYSTEMD": str(systemd)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr.splitlines()


def test_without_a_trial_it_restarts_as_always(commands):
    assert restart(commands, Autoboot(2, 2), "/") == ["reboot []"]


def test_it_tells_systemd_to_restart_into_the_slot_on_trial(commands):
    assert restart(commands, Autoboot(2, 3), "/") == ["reboot [0 tryboot]"]


def test_without_systemd_it_sets_the_flag_by_the_firmware_s_mailbox(commands):
    told = ["vcmailbox [0x00038064 4 0 1]", "reboot []"]
    assert restart(commands, Autoboot(3, 2), commands / "nothing") == told


def test_without_the_file_it_restarts_nothing(commands):
    done = subprocess.run(
        ["/bin/sh", SCRIPT], env={"PATH": str(commands)}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "expected the path of autoboot.txt" in done.stderr
    assert "reboot [" not in done.stderr
