"""Child processes and what they cost: CPU time of user and system, as the kernel counts it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

ROOT: Final = Path(__file__).parents[1]
# What other people's settings may not change: where modules come from, and where answers go.
_ENVIRONMENT: Final = {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
# ... and modules are compiled once, as they are where they are installed.
_NOT_INHERITED: Final = {"PYTHONDONTWRITEBYTECODE"}


class ChildFailedError(Exception):
    """A child process ended with an error."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one child process cost.

    Attributes:
        cpu_s: user and system time, children that it waited for included.
        output: what it wrote to standard output.
    """

    cpu_s: float
    output: str


def run(
    *arguments: str, env: Mapping[str, str] | None = None, statuses: tuple[int, ...] = (0,)
) -> Usage:
    """Run Python with ``arguments`` and measure it.

    Raises:
        ChildFailedError: it ended with a status that is not among ``statuses``.
    """
    command = [sys.executable, *arguments]
    with subprocess.Popen(  # noqa: S603 - our own modules
        command,
        cwd=ROOT,
        env={**_environment(), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        output, errors = _drain(process)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in statuses:
        raise ChildFailedError(f"{' '.join(arguments)[:200]}: status {process.returncode}: {errors}")
    return Usage(usage.ru_utime + usage.ru_stime, output)


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return inherited | _ENVIRONMENT


def _drain(process: "subprocess.Popen[str]") -> tuple[str, str]:
    # Not communicate(), which would also reap the child, and with it its figures.
    if process.stdout is None or process.stderr is None:
        return "", ""
    return process.stdout.read(), process.stderr.read()


def command(package: str, *arguments: str) -> tuple[str, ...]:
    """The arguments that run ``ota-client``, ``ota-server`` or ``ota-sign`` of this checkout."""
    name = {"ota_client": "ota-client", "ota_server": "ota-server", "signing": "ota-sign"}[package]
    return "-c", f"from {package}.cli import main; main(prog_name={name!r})", *arguments


def interleaved(times: int, **contestants: Callable[[], Usage]) -> dict[str, list[Usage]]:
    """Run all contestants in turn, ``times`` times after one that does not count.

    In turn, so that a busy minute of the machine hits all of them alike. The first round compiles
    modules and warms the page cache.
    """
    rounds = [{name: contestant() for name, contestant in contestants.items()} for _ in range(times + 1)]
    return {name: [one[name] for one in rounds[1:]] for name in contestants}


def cpu_s(runs: list[Usage]) -> float:
    """The median CPU time."""
    return median(usage.cpu_s for usage in runs)


def cpu_of(pid: int) -> float:
    """CPU seconds that a running process has used so far, to the clock's tick (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(*arguments: str) -> Iterator[str]:
    """Run a server in a process of its own; gives the first line that it prints."""
    with subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, *arguments],
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()
