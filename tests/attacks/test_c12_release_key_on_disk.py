"""C12: a release key on disk is of no use to whoever reads the disk, or looks at processes."""

import os
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.signing_desk import PASSPHRASE

from signing import cli
from signing.keys import KeyFolder, Scheme


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_key_file_is_encrypted_and_for_its_owner_only(tmp_path, quick_signing, scheme):
    previous = os.umask(0)
    try:
        KeyFolder(tmp_path / "keys", lambda _: PASSPHRASE).generate("alice", scheme)
    finally:
        os.umask(previous)
    path = tmp_path / "keys/alice.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with pytest.raises(TypeError, match="encrypted"):
        load_pem_private_key(path.read_bytes(), None)


def test_a_file_planted_under_the_name_of_a_key_is_not_written_through(tmp_path, quick_signing):
    keys = KeyFolder(tmp_path / "keys", lambda _: PASSPHRASE)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/alice.pem").symlink_to(tmp_path / "stolen")
    with pytest.raises(OSError, match="exists"):
        keys.generate("alice")
    keys.generate("alice", force=True)
    assert not (tmp_path / "stolen").exists()


def test_no_option_takes_a_passphrase():
    import click

    def options(command):
        yield from (option for param in command.params for option in param.opts)
        for child in getattr(command, "commands", {}).values():
            yield from options(child)

    assert isinstance(cli.main, click.Group)
    assert {o for o in options(cli.main) if "pass" in o} == {"--passphrase-file"}


def test_the_passphrase_is_in_no_file_output_or_environment(tmp_path, quick_signing):
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    env = {"OTA_SIGN_PASSPHRASE_FILE": str(secret), "OTA_SIGN_REPO": str(tmp_path / "r")}
    output = ""
    for args in (["init", str(tmp_path / "r"), "--with-keys"], ["review"], ["sign"], ["status"]):
        output += CliRunner().invoke(cli.main, args, env=env).output
    secret.unlink()
    assert PASSPHRASE not in output
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or PASSPHRASE.encode() not in path.read_bytes()


@pytest.mark.system
def test_a_key_is_written_so_that_nobody_reads_it_in_between(tmp_path):
    """The file is made with its final mode: no moment of 0644 before a chmod."""
    code = (
        "import os, sys\nfrom pathlib import Path\nos.umask(0)\nreal = os.open\n"
        "def spy(path, flags, mode=0o777, **more):\n"
        "    if str(path).endswith('.pem'): print(oct(mode), bool(flags & os.O_EXCL))\n"
        "    return real(path, flags, mode, **more)\n"
        "os.open = spy\nfrom signing.keys import KeyFolder\n"
        "KeyFolder(Path(sys.argv[1]), lambda _: 'x').generate('alice')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "keys"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "0o600 True\n", done.stderr
