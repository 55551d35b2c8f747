"""``ota-sign`` as a process: it starts fast, and keeps its streams and exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from signing.cli import main

START = [
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'ota-sign'; from signing.cli import main; main()",
]


def all_commands(group, path=()):
    yield path
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = list(all_commands(main))
QUICK = {()}
PARAMETERS = [
    pytest.param(
        path,
        id=" ".join(path) or "ota-sign",
        marks=() if path in QUICK else pytest.mark.system,
    )
    for path in COMMANDS
]


def cpu_of_help(path):
    with Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen([*START, *path, "--help"], stdout=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("path", PARAMETERS)
def test_help_costs_less_than_300_ms_of_cpu(path):
    best = 9.0
    for _ in range(3):
        best = min(best, cpu_of_help(path))
        if best < 0.3:
            break
    assert best < 0.3


def test_all_commands_of_the_reference_are_there():
    names = {" ".join(path) for path in COMMANDS}
    assert names >= {
        "init",
        "key generate",
        "key list",
        "key show",
        "root add-key",
        "root remove-key",
        "root set-threshold",
        "root rotate",
        "product add",
        "product list",
        "release add",
        "release list",
        "release retire",
        "channel set",
        "review",
        "sign",
        "publish",
        "refresh",
        "status",
        "verify",
        "inspect",
    }


def run(*args, **environment):
    env = {**os.environ, **environment}
    done = subprocess.run([*START, *args], env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.system
def test_a_real_process_makes_a_repository_with_encrypted_keys(tmp_path):
    secret = tmp_path / "passphrase"
    secret.write_text("hunter2")
    secret.chmod(0o600)
    folder = tmp_path / "repository"
    code, out, err = run(
        "init", str(folder), "--with-keys", "--json", OTA_SIGN_PASSPHRASE_FILE=str(secret)
    )
    assert (code, '"keys"' in out) == (0, True), err
    assert "made" in err
    assert "hunter2" not in out + err


def test_errors_go_to_stderr_with_their_exit_code(tmp_path):
    code, out, err = run("status", "--repo", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith("ota-sign: ")
    assert err.count("\n") == 1


@pytest.mark.system
def test_shell_completion_is_told_in_the_help_and_works():
    assert "_OTA_SIGN_COMPLETE" in run("--help")[1]
    done = run(_OTA_SIGN_COMPLETE="bash_complete", COMP_WORDS="ota-sign re", COMP_CWORD="1")
    assert {line.split(",")[1] for line in done[1].splitlines()} == {
        "refresh",
        "release",
        "renew",
        "review",
    }
