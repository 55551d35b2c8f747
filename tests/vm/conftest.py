"""What the tests of a whole machine share, and the line that sums them up."""

import os
import shutil

import pytest
from vm.inspection import Inspector
from vm.summary import summary_line
from vm.workshop import ROLLBACK_INDEX, Workshop, open_boot_control
from xdist.scheduler import LoadScopeScheduling

_PROGRAMS = {
    "qemu-system-aarch64": "qemu-system-arm",
    "mkimage": "u-boot-tools",
    "mmdebstrap": "mmdebstrap",
    "swtpm": "swtpm",
    "sfdisk": "fdisk",
    "mke2fs": "e2fsprogs",
    "fw_printenv": "libubootenv-tool",
}


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """Releases and a device fresh from the factory."""
    missing = sorted({package for name, package in _PROGRAMS.items() if shutil.which(name) is None})
    if missing:
        pytest.skip(f"install the Debian packages: {' '.join(missing)}")
    return Workshop(tmp_path_factory.mktemp("workshop") / "shared")


@pytest.fixture(scope="session")
def servers(workshop):
    """The ports of two servers: with the first release on the channel, and with the second."""
    with workshop.source.served(workshop.earlier) as first, workshop.source.served() as second:
        yield first, second


@pytest.fixture
def inspector(workshop):
    return Inspector(open_boot_control, workshop.versions, ROLLBACK_INDEX)


@pytest.fixture
def device(workshop, tmp_path):
    """A device fresh from the factory."""
    return workshop.factory.copied(tmp_path / "device")


@pytest.fixture
def kills():
    """How often the power of the machine is cut: VM_KILLS, or as often as CI has time for."""
    return int(os.environ.get("VM_KILLS", "20"))


class Scheduling(LoadScopeScheduling):
    """A file's tests share a recording, so they go to one process; those that kill share nothing."""

    def _split_scope(self, nodeid):
        return nodeid if "kill" in nodeid else nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config, log):
    """Keep two processes busy to the end."""
    return Scheduling(config, log)


def pytest_terminal_summary(terminalreporter):
    """Say how much was tried."""
    line = summary_line(terminalreporter.stats)
    if line:
        terminalreporter.write_line(line)
