"""Who may read and write the files that a server lives by."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from ota_client.doctor.finding import Finding, error, note, warning
from ota_server.doctor.finding import Code
from ota_server.doctor.setup import Setup
from ota_server.operators.secret_box import SecretBox

_OTHERS_READ: Final = stat.S_IRGRP | stat.S_IROTH
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    is_secret: bool
    what: str


def examine_files(setup: Setup) -> Iterator[Finding]:
    """Find secrets that others can read, and settings that others can write."""
    for file in _files(setup):
        yield from _examine(file)
    if setup.config is not None:
        key = setup.config.parent / "ca.key"
        if key.exists():
            what = f"{key} lies on the server: it is needed to renew the certificate alone"
            yield note(Code.AUTHORITY_KEY_HERE, what, "keep it elsewhere, away from this machine")


def examine_secrets(setup: Setup) -> Iterator[Finding]:
    """Find secrets that are none."""
    settings = setup.settings
    people = settings.operators
    if people is not None and people.secret_key.exists():
        try:
            SecretBox.load(people.secret_key, "doctor")
        except Exception as e:  # noqa: BLE001 - whatever is in the file
            yield error(Code.SECRET_WEAK, str(e), "put the key back from where it is kept")
            return
        first = people.secret_key.read_bytes().split()[0]
        if len(set(first)) < _LETTERS_LEAST:
            what = f"{people.secret_key} repeats a few letters: it was not made by chance"
            yield error(Code.SECRET_WEAK, what, "make it anew, and the webhooks' secrets too")
    for path in _password_files(setup):
        try:
            secret = path.read_text(encoding="utf-8").split("\n", 1)[0]
        except (OSError, ValueError):
            continue
        if len(secret) < _SECRET_LEAST:
            what = f"{path} holds {len(secret)} characters: whoever guesses them has it"
            yield warning(Code.SECRET_WEAK, what, f"use a random one of {_SECRET_LEAST} or more")


_LETTERS_LEAST: Final = 16
_SECRET_LEAST: Final = 12


def _password_files(setup: Setup) -> Iterator[Path]:
    people = setup.settings.operators
    if people is None:
        return
    if people.mail is not None and people.mail.password_file is not None:
        yield people.mail.password_file
    if people.oidc is not None and people.oidc.client_secret_file is not None:
        yield people.oidc.client_secret_file


def _files(setup: Setup) -> Iterator[_File]:
    settings = setup.settings
    if setup.config is not None:
        yield _File(setup.config, is_secret=False, what="the settings")
    if settings.tls is not None:
        yield _File(settings.tls.key, is_secret=True, what="the server's key")
    if settings.fleet is not None:
        yield _File(settings.fleet.authority_key, is_secret=True, what="the device authority's key")
        url = make_url(settings.fleet.database)
        if url.get_backend_name() == "sqlite" and url.database:
            yield _File(Path(url.database), is_secret=True, what="the fleet's database")
    if settings.operators is not None:
        yield _File(settings.operators.secret_key, is_secret=True, what="the server's secret key")
    for path in _password_files(setup):
        yield _File(path, is_secret=True, what="a password")


def _examine(file: _File) -> Iterator[Finding]:
    try:
        status = file.path.stat()
        folder = file.path.parent.stat()
    except FileNotFoundError:
        what = f"{file.path} is not there: {file.what}"
        yield error(Code.FILE_MISSING, what, "mend the path in the settings, or put the file back")
        return
    mode = stat.S_IMODE(status.st_mode)
    if file.is_secret and mode & _OTHERS_READ:
        what = f"{file.path} can be read by others (mode {mode:o}): it is {file.what}"
        yield error(Code.FILE_READABLE, what, f"chmod 600 {file.path}")
    if mode & _OTHERS_WRITE:
        what = f"{file.path} can be written by others (mode {mode:o}): it is {file.what}"
        yield error(Code.FILE_WRITABLE, what, f"chmod go-w {file.path}")
    # a sticky folder, such as /tmp, lets nobody replace another's file
    if folder.st_mode & _OTHERS_WRITE and not folder.st_mode & stat.S_ISVTX:
        what = f"{file.path.parent} can be written by others, who may replace {file.path.name}"
        yield error(Code.FILE_WRITABLE, what, f"chmod go-w {file.path.parent}")
    if status.st_uid not in {0, os.geteuid()} and os.geteuid() != 0:
        what = f"{file.path} belongs to another account (uid {status.st_uid})"
        yield warning(Code.FILE_WRITABLE, what, "give it to the server's account")
