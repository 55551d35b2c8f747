"""docs/how-to/operators-and-roles.md: its commands say what the page says they say."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from ota_server.cli import main

PAGE = Path(__file__).parents[2] / "docs/how-to/operators-and-roles.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps():
    """Each command of the page, with the lines that it promises."""
    for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, promised = part.partition("\n")
            yield command, promised.splitlines()


def is_as_promised(line, promised):
    pattern = ".*".join(map(re.escape, promised.split("…")))
    return re.fullmatch(pattern, line) is not None


@pytest.fixture
def config(tmp_path, monkeypatch):
    assert CliRunner().invoke(main, ["init", str(tmp_path / "server")]).exit_code == 0
    monkeypatch.setenv("OTA_SERVER_CONFIG", str(tmp_path / "server/ota-server.toml"))


@pytest.mark.system
def test_the_page_s_commands_answer_as_it_says(config):
    done = 0
    for command, promised in steps():
        program, *args = shlex.split(command)
        result = CliRunner().invoke(main, args)
        assert (program, result.exit_code) == ("ota-server", 0), result.output
        lines = result.stdout.splitlines()
        assert len(lines) == len(promised), result.stdout
        assert all(map(is_as_promised, lines, promised)), result.stdout
        done += 1
    assert done == 9
