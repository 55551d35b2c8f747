"""Runs the ``console`` blocks of a Markdown page in one shell, as a reader would."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DONE = "\x1edone "
_ANYTHING = "…"
_DEADLINE_S = 300


@dataclass
class Command:
    text: str
    expected: list[str] = field(default_factory=list)


def commands_of(page: Path) -> list[Command]:
    """The ``$`` lines of a page, each with the output that the page promises."""
    commands: list[Command] = []
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append(Command(line[2:]))
            elif line:
                commands[-1].expected.append(line)
    return commands


def run_page(commands: list[Command], *, folder: Path, environment: dict[str, str]) -> None:
    """Run the commands; each must say what it should, and succeed unless its exit code is looked at."""
    with subprocess.Popen(
        ["bash", "--norc"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
        start_new_session=True,
    ) as shell:
        # a server that never says it is ready must not hang the tests
        deadline = Timer(_DEADLINE_S, os.killpg, (shell.pid, signal.SIGKILL))
        deadline.start()
        try:
            for command, following in zip(commands, [*commands[1:], Command("")], strict=True):
                _run(shell, command, may_fail=following.text == "echo $?")
        finally:
            shell.stdin.write("kill $(jobs -p) 2>/dev/null; wait; exit\n")
            shell.stdin.close()
            shell.wait()
            deadline.cancel()


def _run(shell: subprocess.Popen, command: Command, *, may_fail: bool) -> None:
    # the exit code survives, for a command that shows it
    shell.stdin.write(f"{command.text}\n__code=$?; printf '\\n{_DONE}%s\\n' $__code; (exit $__code)\n")
    in_background = command.text.endswith("&")
    output: list[str] = []
    done = False
    for line in _lines(shell):
        if line.startswith(_DONE):
            done = True
            assert may_fail or line == f"{_DONE}0", f"$ {command.text}\n" + "\n".join(output)
        else:
            output.append(line)
        # a server in the background says that it is ready when it is
        if done and (not in_background or not _missing(command.expected, output)):
            break
    missing = _missing(command.expected, output)
    assert not missing, f"$ {command.text}\nexpected: {missing}\ngot:\n" + "\n".join(output)


def _lines(shell: subprocess.Popen) -> Iterator[str]:
    for line in shell.stdout:
        yield line.rstrip()


def _missing(expected: list[str], output: list[str]) -> str | None:
    """The first promised line that does not follow on those before it; other lines may stand between."""
    rest = iter(output)
    for line in expected:
        pattern = ".*".join(re.escape(part) for part in line.split(_ANYTHING))
        if not any(re.fullmatch(pattern, found) for found in rest):
            return line
    return None
