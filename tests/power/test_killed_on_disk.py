"""The same on a real file system: an installing process is killed, another one goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_an_install.py")


@pytest.mark.system
def test_an_install_killed_at_each_write_and_sync_is_completed_by_the_next(tmp_path):
    root = str(SCRIPT.parents[2])
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert done.returncode == 0, done.stderr
    killed = int(done.stdout.split()[1])
    assert killed > 30
