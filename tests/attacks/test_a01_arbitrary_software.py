"""A01: software that no release engineer signed, put on the server, a mirror or the wire."""

import hashlib

import pytest
from support.attacks import nothing_activated, refused, refuses, unmoved
from support.memory_repository import Release, encode

from ota_client import VerificationError, payload
from ota_client.errors import FetchError, MetadataError, PayloadError


def path_of(repository, ending):
    return next(path for path in repository.files if path.endswith(ending) and "/1.1.0/" in path)


@pytest.mark.parametrize("flip", [0, -1])
def test_a_changed_manifest_is_refused(device, repository, flip):
    (device.client._cache_dir / "offered.manifest").unlink()
    for path in [p for p in repository.files if p.endswith(".json") and p.startswith("targets/")]:
        data = bytearray(repository.files[path])
        data[flip] ^= 1
        repository.files[path] = bytes(data)
    with refuses(device, VerificationError, "expected the signed"):
        device.client.install()


def test_a_manifest_replaced_by_a_genuine_one_of_another_release_is_refused(device, repository):
    repository.put(Release("1.2.0", rollback_index=2))
    device.client.check()
    (device.client._cache_dir / "offered.manifest").unlink()
    channel = next(p for p in repository.files if "/channels/" in p)
    newest = repository.releases.targets["gateway/channels/stable.json"]
    repository.files[f"targets/{newest.get_prefixed_paths()[0]}"] = repository.files[channel]
    with refuses(device, VerificationError):
        device.client.install()


def test_a_changed_index_is_refused_before_anything_is_written(device, repository):
    index, _ = encode(b"evil--!!" * 1000)
    repository.files[path_of(repository, ".index")] = index.to_bytes()
    with refuses(device, VerificationError, "expected the signed"):
        device.client.install()


def test_a_changed_byte_anywhere_in_the_payload_is_noticed_before_it_is_decompressed(
    device, repository, monkeypatch
):
    decompress, frames = payload._decompress, []

    def spy(region, frame):
        frames.append((region.frame_sha256, frame))
        return decompress(region, frame)

    monkeypatch.setattr("ota_client.payload._decompress", spy)
    path = path_of(repository, ".data")
    genuine = repository.files[path]
    for position in range(len(genuine)):
        data = bytearray(genuine)
        data[position] ^= 0x80
        repository.files[path] = bytes(data)
        with nothing_activated(device), refused(PayloadError, "expected the signed frame"):
            device.client.install()
    assert frames
    assert all(hashlib.sha256(frame).digest() == sha256 for sha256, frame in frames)


def test_a_payload_of_another_release_is_refused(device, repository):
    _, data = encode(b"evil code" * 1000)
    repository.files[path_of(repository, ".data")] = data.ljust(10_000, b"\0")
    with nothing_activated(device), refused(PayloadError, "expected the signed frame"):
        device.client.install()


def test_a_release_that_the_signed_metadata_does_not_list_is_refused(device, repository):
    attacker = repository.copy()
    attacker.add(Release("9.9.9", rollback_index=2))
    repository.files |= {p: d for p, d in attacker.files.items() if p.startswith("targets/")}
    with unmoved(device):
        check = device.client.check()
    assert str(check.offered.version) == "1.1.0"


def test_a_repository_signed_by_an_attackers_keys_is_refused(device, repository):
    attacker = repository.copy()
    for role in attacker.signers:
        attacker.replace_key(role, f"attacker's {role}")
        attacker.signers[role] = attacker.signers[role][-1:]
    attacker.publish_root()
    attacker.put(Release("9.9.9", rollback_index=2))
    repository.files = attacker.files
    with refuses(device, MetadataError):
        device.client.install()


def test_an_empty_answer_is_no_update(device, repository):
    repository.files = dict.fromkeys(repository.files, b"")
    with refuses(device, MetadataError):
        device.client.install()


def test_a_truncated_payload_is_a_failure_of_the_network(device, repository):
    path = path_of(repository, ".data")
    repository.files[path] = repository.files[path][:-1]
    with nothing_activated(device), refused(FetchError):
        device.client.install()
