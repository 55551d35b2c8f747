"""A29: nesting, duplicate keys, huge integers, NaN and invalid UTF-8, wherever something is read."""

import pytest
from support.attacks import floor_rises_to, refused, refuses
from support.forgery import ROLES, content, serve_as
from support.simulated import make_config
from tuf.api.exceptions import RepositoryError

from ota_client import ConfigError, DeviceConfig
from ota_client.disk.record import Record
from ota_client.errors import BootControlError, ManifestError, MetadataError, StateCorruptError
from ota_client.manifest import MAX_BYTES, ReleaseManifest
from ota_client.state import DeviceState

DEEP = 200_000
BOMBS = {
    "lists": b"[" * DEEP,
    "closed lists": b"[" * DEEP + b"]" * DEEP,
    "tables": b'{"a":' * (DEEP // 5),
    "closed tables": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "moderately deep": b'{"a":' * 900 + b"1" + b"}" * 900,
    "duplicate keys": b'{"format":"ratchet-manifest/1","format":"ratchet-manifest/1"}',
    "huge integer": b'{"version":' + b"9" * 100_000 + b"}",
    "long integer": b'{"version":' + b"9" * 4000 + b"}",
    "float": b'{"version":1.0}',
    "exponent": b'{"version":1e999999999}',
    "NaN": b'{"version":NaN}',
    "infinity": b'{"version":-Infinity}',
    "invalid UTF-8": b'{"version":"\xff\xfe"}',
    "overlong UTF-8": b'{"version":"\xc0\xaf"}',
    "lone surrogate": b'{"version":"\\ud800"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "NUL": b"\x00" * 100,
    "two values": b"{}{}",
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "text": b'"text"',
    "escapes": b'{"a":"' + b"\\u0041" * 10_000 + b'"}',
}
every_bomb = pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())


@every_bomb
def test_a_manifest(bomb):
    with refused(ManifestError):
        ReleaseManifest.from_bytes(bomb)


@pytest.mark.walk(7)
@every_bomb
def test_the_memory(device, bomb):
    with refused(StateCorruptError):
        DeviceState.from_bytes(bomb)


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ("state/state", StateCorruptError),
        ("state/rollback-index", StateCorruptError),
        ("boot", BootControlError),
    ],
)
def test_a_record_with_a_sound_checksum(device, tmp_path, subtests, record, error):
    for name, bomb in BOMBS.items():
        Record(device.storage, str(tmp_path / record)).write(bomb[:200_000])
        with subtests.test(name), refuses(device, error):
            device.client.status()


@pytest.mark.walk(2)
@pytest.mark.parametrize("role", ROLES)
def test_metadata(device, repository, subtests, role):
    for name, bomb in BOMBS.items():
        data = bomb[:16_000] if role == "timestamp" else bomb
        serve_as(repository, role, data, content(repository, role).version + 1)
        with subtests.test(name), refuses(device, MetadataError):
            device.client.install()


@pytest.mark.walk(7)
@pytest.mark.parametrize("depth", [50, 500, 900, 990, 5000])
@pytest.mark.parametrize("role", ROLES)
def test_nesting_under_a_genuine_signature(device, repository, role, depth):
    """A thief of one key; the metadata is signed as deep as the signer itself can go."""
    nested = []
    for _ in range(depth):
        nested = [nested]
    content(repository, role).unrecognized_fields["x-nested"] = nested
    try:
        data = repository.sign(role, content(repository, role))
    except (RecursionError, ValueError, RepositoryError):
        return
    serve_as(repository, role, data, content(repository, role).version)
    device.client.check()


@pytest.mark.walk(6)
@pytest.mark.parametrize("name", [name for name, bomb in BOMBS.items() if 0 < len(bomb) <= MAX_BYTES])
def test_a_signed_manifest(device, repository, name):
    repository.add_target("gateway/channels/stable.json", BOMBS[name])
    repository.publish()
    with floor_rises_to(device, repository), refused(ManifestError):
        device.client.install()
    with refuses(device, ManifestError):
        device.client.install()


def test_a_key_that_stands_twice_is_told():
    with refused(ManifestError, "an object that names a key twice"):
        ReleaseManifest.from_bytes(BOMBS["duplicate keys"])


@pytest.mark.parametrize("size_bytes", [MAX_BYTES + 1, MAX_BYTES * 10])
def test_a_manifest_over_its_cap(size_bytes):
    with refused(ManifestError, "expected at most 524288 bytes"):
        ReleaseManifest.from_bytes(b" " * size_bytes)


@pytest.mark.parametrize(
    "bomb",
    [
        "x = " + "[" * 10_000,
        "x = " + "{a = " * 5_000,
        "x = " + "9" * 10_000,
        "a" + ".a" * 1_000 + " = 1",
        "a" + ".a" * 50_000 + " = 1",
        "product = 'a'\nproduct = 'b'",
        "product = nan",
        "x = 9999-99-99",
        "\0",
        "[",
    ],
    ids=lambda bomb: f"{bomb[:6]!r} {len(bomb)}",
)
def test_the_settings(tmp_path, bomb):
    with refused(ConfigError):
        DeviceConfig.parse(bomb, folder=tmp_path)


def test_a_settings_file_that_is_not_utf_8(tmp_path):
    (tmp_path / "settings.toml").write_bytes(b"product = '\xff'")
    with refused(ConfigError, "not UTF-8"):
        DeviceConfig.load(tmp_path / "settings.toml")
    assert make_config(tmp_path, b"").product == "gateway"
