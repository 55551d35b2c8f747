"""Accounts and passwords, as far as files show them (OWASP IoT 1)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ota_client.doctor.finding import Code, Finding, error, note, warning
from ota_client.doctor.system import Setup

# Names that images come with, and botnets try first.
_DEFAULTS: Final = frozenset({"admin", "debian", "guest", "pi", "root", "support", "ubuntu", "user"})
_WEAK: Final = ("$1$", "$md5")
_DES_CHARACTERS: Final = 13
_FIELDS_LEAST: Final = 2


def examine_accounts(setup: Setup) -> Iterator[Finding]:
    """Find accounts that anybody can enter."""
    etc = setup.system.etc
    shadow = etc / "shadow"
    if shadow.exists() and shadow.stat().st_mode & 0o004:
        what = f"{shadow} can be read by everybody"
        yield error(Code.PASSWORD_FILE_READABLE, what, f"chmod 0640 {shadow}")
    for file in (etc / "passwd", shadow):
        for name, secret in _entries(file):
            # passwd says x where the secret is in shadow
            if not (file.name == "passwd" and secret == "x"):  # noqa: S105 no secret, a sign
                yield from _account(file, name, secret)
    yield from _ssh(etc / "ssh" / "sshd_config")


def _entries(file: Path) -> Iterator[tuple[str, str]]:
    if file.exists():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            fields = line.split(":")
            if len(fields) >= _FIELDS_LEAST and fields[0]:
                yield fields[0], fields[1]


def _account(file: Path, name: str, secret: str) -> Iterator[Finding]:
    if not secret:
        what = f"{file}: the account {name} has an empty password"
        yield error(Code.PASSWORD_EMPTY, what, f"lock it: passwd -l {name}")
        return
    if not secret.startswith("$") and (secret[0] in "!*" or len(secret) < _DES_CHARACTERS):
        return  # locked
    if not secret.startswith("$") or secret.startswith(_WEAK):
        what = f"{file}: the password of {name} is hashed by DES or MD5, and quickly guessed"
        yield warning(Code.PASSWORD_WEAK_HASH, what, "set it again (yescrypt or sha512)")
    if name in _DEFAULTS:
        what = f"{file}: {name}, an account that everybody tries, has a password"
        way_out = f"lock it (passwd -l {name}), or give each device a password of its own"
        yield warning(Code.DEFAULT_ACCOUNT, what, way_out)


def _ssh(file: Path) -> Iterator[Finding]:
    if not file.exists():
        return
    text = file.read_text(encoding="utf-8", errors="replace").lower()
    settings: dict[str, str] = {}
    for line in text.splitlines():
        words = line.replace("=", " ").split()
        if len(words) >= _FIELDS_LEAST:
            settings.setdefault(words[0], words[1])  # the first one counts (sshd_config(5))
    if settings.get("permitemptypasswords") == "yes":
        what = f"{file} lets accounts with an empty password in"
        yield error(Code.SSH_EMPTY_PASSWORDS, what, "PermitEmptyPasswords no")
    if settings.get("permitrootlogin") == "yes":
        what = f"{file} lets root in by password"
        yield warning(Code.SSH_ROOT_LOGIN, what, "PermitRootLogin no, or prohibit-password")
    if "include" in settings:
        what = f"{file} includes other files, which are not read here"
        yield note(Code.UNSEEN, what, "look at 'sshd -T'")
