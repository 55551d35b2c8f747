import configparser
import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from console_page import commands_of, run_page
from pages import DOCS, ROOT, read
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device

import ota_client
from ota_client import Check, DeviceConfig, OtaClient, Version
from ota_client.agent_settings import Hooks
from ota_client.cli import main as client
from ota_client.hooks import HookRunner
from ota_client.manifest import Advisory, Severity
from ota_server.cli import main as server
from signing.cli import main as sign

HOW_TO = DOCS / "how-to"
PROGRAMS = {"ota-client": client, "ota-server": server, "ota-sign": sign}


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", read(page), re.DOTALL)


@pytest.fixture
def device(tmp_path, monkeypatch):
    """A device in memory stands in for the one that the pages' settings describe."""
    repository = MemoryRepository()
    weakness = Advisory("CVE-2026-1", Severity.HIGH, "Weak.", "Act.", Version.parse("1.1.0"))
    repository.put(Release("1.1.0", rollback_index=2, advisories=(weakness,)))
    device = make_device(tmp_path, repository)
    monkeypatch.setattr(DeviceConfig, "load", lambda _: device.config)
    monkeypatch.setattr(ota_client, "open_ports", lambda _: device.client._ports)
    return device


def test_the_readme_s_example_installs_and_confirms(device, capsys):
    install, confirm = python_blocks(ROOT / "README.md")[0].split("# after the restart")
    names: dict[str, object] = {}
    exec(compile(install, "README.md", "exec"), names)  # noqa: S102 - the page's own code
    assert capsys.readouterr().out == "release 1.1.0 starts with the next boot\nhigh: Weak. Act.\n"
    device.boot()
    exec(compile("#" + confirm, "README.md", "exec"), names)  # noqa: S102 - the page's own code
    assert str(device.client.status().running) == "1.1.0"


def test_the_guide_to_embedding_installs_and_confirms(device, capsys):
    install, confirm, ports = python_blocks(HOW_TO / "embed-the-client.md")
    names: dict[str, object] = {}
    exec(compile(install, "embed-the-client.md", "exec"), names)  # noqa: S102 - the page's own code
    assert "high: Weak. Act.\ndownloading: " in capsys.readouterr().out
    device.boot()
    exec(compile(confirm, "embed-the-client.md", "exec"), names)  # noqa: S102 - the page's own code
    assert "1.1.0 is confirmed; nothing below index 2" in capsys.readouterr().out
    exec(compile(ports, "embed-the-client.md", "exec"), names)  # noqa: S102 - the page's own code


def test_the_advisory_hook_s_example_has_the_fields_of_a_check():
    (text,) = re.findall(r"```json\n(.*?)```", read(HOW_TO / "tell-owners-about-security.md"), re.DOTALL)
    example = json.loads(text)
    advisory = Advisory("", Severity.LOW, "", "", Version.parse("1.0.0"))
    assert set(example) == set(Check.nothing_new(Version.parse("1.0.0")).to_fields())
    assert set(example["advisories"][0]) == set(advisory.to_fields())


def test_the_advisory_hook_gets_the_advisories(device, tmp_path):
    told = tmp_path / "told"
    hooks = Hooks(
        advisories=("sh", "-c", f"cat > {told}; echo $RATCHET_HOOK $RATCHET_VERSION >> {told}")
    )
    runner = HookRunner(hooks, {"PATH": os.environ["PATH"]})
    OtaClient(device.config, device.client._ports, on_advisories=runner.advisories).check()
    report, end = told.read_text()[:-1].rsplit("}", 1)
    assert json.loads(report + "}")["advisories"][0]["action"] == "Act."
    assert end == "advisories 1.1.0"


@pytest.mark.system  # some thirty processes that open keys: ten seconds of CPU
def test_the_ceremony_does_what_it_says(tmp_path):
    environment = {
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    run_page(commands_of(HOW_TO / "keys-and-ceremony.md"), folder=tmp_path, environment=environment)


UNITS = sorted([*(HOW_TO / "units").iterdir(), *(ROOT / "integration/systemd").iterdir()])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_exists(unit):
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(unit, encoding="utf-8")
    if unit.suffix == ".timer":
        assert (unit.with_suffix(".service")).exists()
        return
    program, name, *flags = shlex.split(parser["Service"]["ExecStart"])
    command = PROGRAMS[Path(program).name].commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {flag for flag in flags if flag.startswith("--")} <= known


SHELL_LINE = re.compile(
    r"^\s*(?:[A-Z_]+=\S+ )*(ota-(?:client|server|sign)) ((?:[^\n\\]|\\\n)*)", re.MULTILINE
)


@pytest.mark.parametrize("page", sorted(HOW_TO.glob("*.md")), ids=lambda page: page.name)
def test_shell_lines_name_commands_and_flags_that_exist(page):
    for block in re.findall(r"```sh\n(.*?)```", read(page), re.DOTALL):
        for program, rest in SHELL_LINE.findall(block):
            command, words = PROGRAMS[program], shlex.split(rest.replace("\\\n", " "))
            while hasattr(command, "commands"):
                command = command.commands[words.pop(0)]
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= known
