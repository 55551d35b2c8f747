"""The guides whose prompts name a person: each command runs as that account of the server's machine."""

import re
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner
from pages import DOCS, read
from support.operator import furnish

from ota_server.cli import main

ACCOUNT = "ota_server.cli.console.account"


def steps(page):
    """Who types what, and what is promised."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", read(page), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if typed := re.fullmatch(r"(mia|ann)\$ (.*)", line):
                found.append((typed[1], typed[2], []))
            else:
                found[-1][2].append(line)
    return found


def pattern(line):
    """One of the output: an ellipsis is anything, and columns are as wide as they are."""
    return ".*".join(re.escape(part.strip()).replace(r"\ ", r"\s+") for part in line.split("…"))


def run(folder, monkeypatch, who, typed):
    monkeypatch.setattr(ACCOUNT, lambda: who)
    words, _, target = typed.partition(" > ")
    environment = {"OTA_SERVER_CONFIG": str(folder / "server" / "ota-server.toml")}
    program, *arguments = shlex.split(words)
    assert program == "ota-server"
    done = CliRunner().invoke(main, arguments, env=environment)
    if target:
        (folder / target).write_text(done.stdout)
    return done


@pytest.mark.system
@pytest.mark.parametrize("name", ["four-eyes.md", "read-the-audit-log.md"])
def test_a_guide_does_what_it_says(tmp_path, monkeypatch, name):
    furnish(tmp_path / "server")
    monkeypatch.chdir(tmp_path)
    for who, typed, promised in steps(DOCS / "how-to" / name):
        done = run(tmp_path, monkeypatch, who, typed)
        refused = any(line.startswith("ota-server: ") for line in promised)
        assert done.exit_code == (4 if refused else 0), done.output
        rest = iter(done.output.splitlines())
        for line in promised:
            assert any(re.fullmatch(pattern(line), found.rstrip()) for found in rest), (typed, line)
    if name == "read-the-audit-log.md":
        check(tmp_path, "audit-monday.jsonl")


def check(folder, export):
    """By the page's own program: it sees a whole log, and one that was changed."""
    (program,) = re.findall(
        r"```python\n(.*?)```", read(DOCS / "how-to/read-the-audit-log.md"), re.DOTALL
    )
    command = [sys.executable, "-c", program, export]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("unbroken up to ")
    path = folder / export
    path.write_text(path.read_text().replace("stolen", "sold"))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "was changed" in done.stderr
