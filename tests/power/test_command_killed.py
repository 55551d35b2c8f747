"""D01, D08: the real ``ota-client`` is killed, tears its write or gets an error at each call of libc.

The shim sees what Python's own functions hide: TUF's cache, locks, folders. What a lost page cache
does, it cannot see: that is ``test_block_log.py``'s.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hostile_server import hostile_server, repository_except
from support.episodes import firmware
from support.memory_repository import HARDWARE, PRODUCT, MemoryRepository, Release
from support.simulated import FACTORY_IMAGE, SLOT_BYTES

from ota_client.testing.simulator import SETTINGS, SimulatedDeviceFolder, settings_text

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is missing: run 'make packages'"),
]

SHIM = Path(__file__).parent / "shim"
ROOT = SHIM.parents[2]
IMAGE = firmware("1.1.0", "rootfs")
MODES = {"kill": "k", "torn": "t", "EIO": "i", "ENOSPC": "n"}
KILLED = -9
INSTALL_FAILED, NEVER = 14, 0


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    library = tmp_path_factory.mktemp("shim") / "crashpoint.so"
    source = SHIM / "crashpoint.c"
    flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]
    subprocess.run(["gcc", *flags, library, source, "-ldl"], check=True)
    return library


@pytest.fixture(scope="module")
def memory():
    """Where a sync costs nothing, if there is such a place."""
    folder = Path(f"/dev/shm/ratchet-killed-{os.getpid()}")
    if not folder.parent.is_dir():
        pytest.skip("/dev/shm is missing")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def environment(shim):
    return {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.fixture(scope="module")
def client(environment, memory):
    """Runs ``ota-client`` over a device: its exit status, its calls, and what it said."""
    with subprocess.Popen(
        [sys.executable, SHIM / "run_commands.py"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def run(device, *command, at=NEVER, mode="kill"):
            arguments = ["--config", str(device / SETTINGS), *command]
            request = {
                "arguments": arguments,
                "folder": str(device),
                "at": at,
                "mode": MODES[mode],
                "output": str(memory),
            }
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            status, calls = json.loads(process.stdout.readline())
            said = (memory / "stderr").read_text().splitlines(keepends=True)
            return status, calls, "".join(line for line in said if "insecure_http" not in line)

        yield run
        process.stdin.close()


@pytest.fixture(scope="module")
def repository():
    repository = MemoryRepository(now=datetime.now(UTC))
    repository.put(Release("1.1.0", rollback_index=2, images=(("rootfs", IMAGE),)))
    return repository


@pytest.fixture(scope="module")
def templates(repository, memory, client):
    """A device from the factory, and one that runs the new release on trial."""
    with hostile_server(repository_except(repository.files, "\0", None)) as server:
        factory, trial = memory / "factory", memory / "trial"
        make_device(factory, repository, server.url)
        shutil.copytree(factory, trial)
        assert client(trial, "install")[0] == 0
        assert SimulatedDeviceFolder(trial).boot() == "B"
        yield {"install": factory, "mark-good": trial}


def make_device(folder, repository, url):
    folder.mkdir()
    (folder / "root.json").write_bytes(repository.pinned_root)
    (folder / "factory.img").write_bytes(FACTORY_IMAGE)
    settings = settings_text(
        product=PRODUCT,
        hardware_id=HARDWARE,
        channel="stable",
        urls=(url + "/",),
        version="1.0.0",
        rollback_index=1,
        images=("rootfs",),
        network="insecure_http = true\n",
    )
    SimulatedDeviceFolder(folder).create(
        settings, slot_bytes=SLOT_BYTES, factory={"rootfs": folder / "factory.img"}
    )


@contextmanager
def copy_of(template, memory):
    device = memory / "device"
    shutil.copytree(template, device)
    try:
        yield device
    finally:
        shutil.rmtree(device)


def check_goes_on(device, command, client):
    """Whatever happened, the same command completes, and the update with it."""
    assert (device / "slots/A-rootfs.img").read_bytes() == FACTORY_IMAGE.ljust(SLOT_BYTES, b"\0")
    assert client(device, "status")[0] == 0
    assert client(device, command)[0] == 0
    if command == "install":
        assert SimulatedDeviceFolder(device).boot() == "B"
        assert client(device, "mark-good")[0] == 0
    assert SimulatedDeviceFolder(device).boot() == "B"
    assert client(device, "status", "--json")[0] == 0
    status = json.loads((device.parent / "stdout").read_text())
    assert (status["running_version"], status["stored_rollback_index"]) == ("1.1.0", 2)
    assert (status["phase"], status["bad_releases"]) == ("idle", [])
    assert (device / "slots/B-rootfs.img").read_bytes() == IMAGE.ljust(SLOT_BYTES, b"\0")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("command", "least"), [("install", 60), ("mark-good", 8)])
def test_the_command_may_end_at_any_call_and_its_next_run_completes(
    command, least, mode, templates, memory, client, record_property
):
    with copy_of(templates[command], memory) as device:
        status, points, said = client(device, command)
        assert (status, said) == (0, "")
    assert points >= least
    for at in range(1, points + 1):
        with copy_of(templates[command], memory) as device:
            status, _, said = client(device, command, at=at, mode=mode)
            if mode in {"kill", "torn"}:
                assert status == KILLED, at
            else:
                check_told(status, said, at)
            check_goes_on(device, command, client)
    record_property("power model", f"file ({mode} at a call of libc)")
    record_property("power points", points)


def check_told(status, said, at):
    """One sentence and the exit code of storage; or nothing, where the call did not matter."""
    if status == 0:
        assert said == "", at
        return
    assert status == INSTALL_FAILED, (at, said)
    (sentence,) = said.splitlines()
    assert sentence.startswith("ota-client: "), at
    assert sentence.endswith(" [storage]"), at


@pytest.mark.parametrize("at", [1, 10, 25, 40, 60])
def test_a_process_that_is_started_for_it_alone_behaves_alike(
    at, templates, memory, client, environment
):
    with copy_of(templates["install"], memory) as device:
        armed = {"CRASHPOINT_FOLDER": str(device), "CRASHPOINT_AT": str(at), "CRASHPOINT_MODE": "torn"}
        script = "from ota_client.cli import main; main()"
        command = [sys.executable, "-c", script, "--config", device / SETTINGS, "install"]
        done = subprocess.run(command, env={**environment, **armed}, check=False)
        assert done.returncode == KILLED
        check_goes_on(device, "install", client)
