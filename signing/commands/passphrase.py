"""Where passphrases come from: a file, or a prompt on a terminal; never the command line (C12)."""

import os
import stat
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import click

from ota_client.errors import ConfigError
from signing.errors import PassphraseError


def passphrase_source(path: Path | None, *, warn: Callable[[str], None]) -> Callable[[str], str]:
    """Answers for a passphrase; the question says of what.

    Args:
        path: its first line is the passphrase of all keys; else a prompt asks for each.
        warn: told if others can read the file.
    """
    if path is None:
        return _prompt
    read = cache(lambda: read_secret(path, "passphrase", warn))
    return lambda _: read()


def read_secret(path: Path, what: str, warn: Callable[[str], None]) -> str:
    """The first line of a file.

    Raises:
        ConfigError: it cannot be read, or the line is empty.
    """
    try:
        with path.open() as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.readline().rstrip("\r\n")
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is no text"
        raise ConfigError(f"{what} file {path}: {reason}") from e
    # container and service managers mount secrets readable for all, so this is no refusal
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        warn(f"warning: {what} file {path}: others can read it; chmod 600 would end that")
    if not secret:
        raise ConfigError(f"{what} file {path}: expected a {what} in its first line, got none")
    return secret


def _prompt(what: str) -> str:
    if not sys.stdin.isatty():
        raise PassphraseError(
            f"{what}: expected a terminal to ask on, got none; --passphrase-file or "
            "OTA_SIGN_PASSPHRASE_FILE names a file"
        )
    answer: str = click.prompt(
        what.capitalize(), hide_input=True, confirmation_prompt=what.startswith("new "), err=True
    )
    return answer
