"""What the guides to embedding tell a reader to write: settings, units, command lines, scripts."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pages import DOCS, REFERENCE, ROOT, read

from ota_client import DeviceConfig
from ota_client.testing import SimulatedStorage

GUIDES = sorted((DOCS / "how-to").glob("embed-on-*.md"))
CONTROLS = [REFERENCE / "boot-controls" / f"{name}.md" for name in ("raspberry-pi", "custom")]
INTEGRATION = ROOT / "integration"
FW_ENV = INTEGRATION / "u-boot/fw_env.config"
UNITS = sorted((INTEGRATION / "systemd").iterdir())
REST = """
product = "gateway"
hardware_id = "gw-rev2"
channel = "stable"
root = "root.json"
urls = ["https://updates.example.com/"]
state_dir = "state"
firmware = {version = "1.0.0", rollback_index = 1}
slots = {A = {rootfs = "a"}, B = {rootfs = "b"}}
"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", read(page), re.DOTALL)


def name(page: Path) -> str:
    return page.name


def units_of(page: Path) -> dict[str, str]:
    """The units and drop-ins that a page writes, by the path in their first line."""
    found = (text.split("\n", 1) for text in blocks(page, "ini") if text.startswith("# /"))
    return {path.removeprefix("# "): text for path, text in found}


@pytest.mark.parametrize("page", [*GUIDES, *CONTROLS], ids=name)
def test_settings_are_taken_and_fit_their_boot_control(page):
    (text,) = blocks(page, "toml")
    config = DeviceConfig.parse(text if "product" in text else REST + text, folder=Path("/etc/ratchet"))
    storage = SimulatedStorage({"/etc/fw_env.config": FW_ENV.read_bytes()})
    assert config.boot.open(storage, tuple(config.slots), lambda: "A")


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_commands_are_sound_and_name_files_that_are_shipped(page):
    for text in blocks(page, "sh"):
        subprocess.run(["sh", "-n"], input=text, text=True, check=True)
        named = re.findall(r"integration/[\w./-]+", text)
        assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_mounts_have_six_fields_and_units_have_known_sections(page):
    for line in "".join(blocks(page, "fstab")).splitlines():
        assert len(line.split()) == 6
    for text in units_of(page).values():
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(text)
        assert set(parser.sections()) <= {"Unit", "Service", "Install"}


def test_the_guides_show_what_is_shipped():
    (config,) = (
        text for text in blocks(DOCS / "how-to/embed-on-raspberry-pi-os.md", "ini") if "cmdline" in text
    )
    shipped = read(INTEGRATION / "raspberry-pi/config.txt").splitlines()
    assert config.splitlines() == [line for line in shipped if not line.startswith("#")]
    (inittab,) = blocks(DOCS / "how-to/embed-on-own-init.md", "inittab")
    assert read(INTEGRATION / "init/inittab").endswith(inittab)


def test_the_line_for_busybox_s_inittab_has_its_four_fields():
    line = read(INTEGRATION / "init/inittab").splitlines()[-1]
    assert line.split(":", 3) == ["", "", "respawn", "/usr/bin/ota-client run"]


@pytest.mark.system  # systemd's own opinion, where systemd is
@pytest.mark.parametrize("page", [None, *GUIDES], ids=lambda page: page.name if page else "shipped")
def test_systemd_has_nothing_to_say_against_the_units(page, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("install the Debian package systemd")
    for unit in UNITS:
        write_unit(tmp_path / unit.name, read(unit))
    for path, text in units_of(page).items() if page else ():
        write_unit(tmp_path / Path(path).relative_to("/etc/systemd/system"), text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(path for path in tmp_path.iterdir() if path.is_file())],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:/lib/systemd/system"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def write_unit(path: Path, text: str) -> None:
    """Programs that are not on this machine are replaced by one that is."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        re.sub(r"^(Exec\w+=)/\S+", r"\1/bin/true", text, flags=re.MULTILINE), encoding="utf-8"
    )


def stub(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_loop_looks_and_waits_up_to_a_quarter_longer(tmp_path):
    client = stub(tmp_path / "ota-client", 'echo "ota-client $*"; exit 5')
    stub(tmp_path / "sleep", 'echo "$1"; [ -e "$0.again" ] && kill $PPID; : > "$0.again"')
    done = subprocess.run(
        [INTEGRATION / "init/ota-client-loop", "1000"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "OTA_CLIENT": str(client)},
        capture_output=True,
        text=True,
        check=False,
    )
    looked, waited, *again = done.stdout.split("\n")
    assert looked == again[0] == "ota-client run --once"
    assert 1000 <= int(waited) <= 1250


def test_the_init_script_starts_and_stops_the_agent(tmp_path):
    if shutil.which("start-stop-daemon") is None:
        pytest.skip("install the Debian package dpkg")
    fifo, pidfile = tmp_path / "fifo", tmp_path / "pid"
    os.mkfifo(fifo)
    agent = stub(tmp_path / "agent", f'exec > {fifo}; echo "$*"; exec sleep 600')
    environment = {**os.environ, "OTA_CLIENT": str(agent), "OTA_CLIENT_PIDFILE": str(pidfile)}

    def call(verb: str) -> int:
        script = INTEGRATION / "init/S90ota-client"
        return subprocess.run(
            [script, verb], env=environment, check=False, stdin=subprocess.DEVNULL
        ).returncode

    assert call("start") == 0
    with fifo.open(encoding="utf-8") as said:
        assert said.readline() == "run\n"
        assert pidfile.exists()
        assert call("stop") == 0
        # the end of the file is the end of the agent
        assert said.read() == ""
    assert not pidfile.exists()
    assert call("sing") == 1
