"""Key files: encrypted, private, and what they say they are."""

import json
import shutil
import stat
import subprocess

import pytest

from ota_client.errors import ConfigError
from signing.encrypted_key import KDF_ROUNDS, encrypt
from signing.errors import PassphraseError, RepositoryFileError
from signing.keys import KeyFolder, Scheme


@pytest.fixture
def keys(tmp_path):
    return KeyFolder(tmp_path / "keys", lambda _: "correct horse")


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_key_signs_after_its_passphrase_opened_it(keys, tmp_path, scheme):
    keys.generate("alice", scheme)
    again = KeyFolder(tmp_path / "keys", lambda _: "correct horse")
    named = again.read("alice")
    named.key.verify_signature(again.signer(named).sign(b"data"), b"data")


def test_a_key_is_opened_once_a_run(tmp_path):
    asked = []
    keys = KeyFolder(tmp_path, lambda what: asked.append(what) or "secret")
    named = keys.generate("alice")
    for _ in range(3):
        keys.signer(named)
    assert len(asked) == 2
    assert asked[0].startswith("new passphrase")


def test_a_wrong_passphrase_opens_nothing(keys, tmp_path):
    named = keys.generate("alice")
    with pytest.raises(PassphraseError, match="does not open") as caught:
        KeyFolder(tmp_path / "keys", lambda _: "hunter2").signer(named)
    assert caught.value.exit_code == 4
    assert "hunter2" not in str(caught.value)


def test_an_empty_passphrase_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(PassphraseError):
        KeyFolder(tmp_path / "keys", lambda _: "").generate("alice")
    assert not (tmp_path / "keys").exists()


def test_openssl_reads_the_key(keys, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    keys.generate("alice", Scheme.ECDSA_P256)
    command = ["openssl", "pkey", "-in", tmp_path / "keys/alice.pem", "-passin", "pass:correct horse"]
    done = subprocess.run([*command, "-noout"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_deriving_the_key_costs_a_thief_600_000_rounds():
    assert KDF_ROUNDS == 600_000
    assert len(encrypt(b"x" * 40, "secret", 1000)) > 100


@pytest.mark.parametrize("size", [1, 40, 100, 200, 70_000])
def test_keys_of_any_size_are_encrypted_in_well_formed_der(size):
    from base64 import b64decode

    lines = encrypt(b"x" * size, "secret", 1000).splitlines()
    der = b64decode(b"".join(lines[1:-1]))
    head = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    length = der[1] if der[1] < 0x80 else int.from_bytes(der[2:head])
    assert der[0] == 0x30
    assert length == len(der) - head


def test_a_key_is_not_overwritten_unless_forced(keys):
    first = keys.generate("alice").key.keyid
    with pytest.raises(ConfigError, match="--force"):
        keys.generate("alice")
    assert keys.read("alice").key.keyid == first
    assert keys.generate("alice", force=True).key.keyid != first


@pytest.mark.parametrize("name", ["", "Alice", "../alice", "a b", "a/b", "x" * 65, "a\0b"])
def test_a_bad_key_name_is_refused(keys, name):
    with pytest.raises(ConfigError):
        keys.generate(name)
    with pytest.raises(ConfigError):
        keys.read(name)


@pytest.mark.parametrize(
    "change",
    [
        lambda value: {**value, "keyid": "0" * 64},
        lambda value: {**value, "more": 1},
        lambda value: {k: v for k, v in value.items() if k != "uri"},
        lambda value: {**value, "key": {}},
        lambda value: {**value, "key": {**value["key"], "keytype": "unknown"}},
        lambda _: [],
    ],
)
def test_a_damaged_public_key_file_is_refused(keys, tmp_path, change):
    keys.generate("alice")
    path = tmp_path / "keys/alice.pub.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(RepositoryFileError, match="alice"):
        keys.read("alice")


def test_a_private_key_of_somebody_else_is_refused(keys, tmp_path):
    keys.generate("alice")
    keys.generate("bob")
    shutil.copy(tmp_path / "keys/bob.pem", tmp_path / "keys/alice.pem")
    other = KeyFolder(tmp_path / "keys", lambda _: "correct horse")
    with pytest.raises(RepositoryFileError, match="does not belong"):
        other.signer(other.read("alice"))


def test_a_key_known_by_its_public_half_only_is_not_local(keys, tmp_path):
    keys.generate("alice")
    (tmp_path / "keys/alice.pem").unlink()
    assert not keys.read("alice").is_local


def test_an_unknown_key_uri_is_one_sentence(keys, tmp_path):
    keys.generate("alice")
    path = tmp_path / "keys/alice.pub.json"
    path.write_text(path.read_text().replace("encfile:alice.pem", "teapot:1"))
    with pytest.raises(ConfigError, match="teapot"):
        keys.signer(keys.read("alice"))


def test_key_files_are_private(keys, tmp_path):
    keys.generate("alice")
    mode = (tmp_path / "keys/alice.pem").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
