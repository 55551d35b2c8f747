"""A disk that fills up: a tmpfs of a few megabytes, and a file that takes what is left."""

import os
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest

needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk: run as root")


@contextmanager
def small_disk(size_bytes):
    """A folder that holds so much; its path is short, as a socket's has to be."""
    folder = Path(mkdtemp(prefix="disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", folder], check=True)
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


def fill(disk):
    """Leave not a page."""
    with suppress(OSError), _ballast(disk).open("ab", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


def relieve(disk):
    _ballast(disk).unlink()


def _ballast(disk):
    return disk / "ballast"
