import os
import socket
import sys
from pathlib import Path

import pytest
from console_page import commands_of, run_page

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.system  # some thirty processes; make test has the same way by the Python API
@pytest.mark.parametrize("page", ["first-update", "first-rollout"])
def test_the_tutorial_does_what_it_says(page, tmp_path):
    commands = commands_of(TUTORIAL / f"{page}.md")
    port = str(free_port())
    for command in commands:
        command.text = command.text.replace("PORT=8443", f"PORT={port}")
        command.expected = [line.replace(":8443", f":{port}") for line in command.expected]
    environment = {
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    run_page(commands, folder=tmp_path, environment=environment)


def test_a_promised_line_that_does_not_come_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one; echo two\ntwo\none\n```\n")
    try:
        run_page(commands_of(page), folder=tmp_path, environment=dict(os.environ))
    except AssertionError as e:
        assert "expected: one" in str(e)  # noqa: PT017 - the loop's own assert is what is tested
    else:
        raise AssertionError("the wrong order went unnoticed")
