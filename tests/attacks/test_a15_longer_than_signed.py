"""A15: more bytes than signed metadata allows, in each kind of file; on the device."""

import pytest
from support.attacks import nothing_activated, refused, refuses
from support.forgery import published, serve_as
from support.memory_repository import Release
from tuf.api.metadata import MetaFile

from ota_client.errors import (
    FetchError,
    ManifestError,
    MetadataError,
    ResponseTooLongError,
    VerificationError,
)


@pytest.mark.parametrize("file", ["timestamp", "snapshot", "targets", "gateway", "root"])
def test_metadata_longer_than_its_limit_is_not_read_to_its_end(device, repository, file):
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    path = {
        "timestamp": "metadata/timestamp.json",
        "root": "metadata/2.root.json",
        "snapshot": f"metadata/{repository.snapshot.version}.snapshot.json",
        "targets": f"metadata/{repository.targets.version}.targets.json",
        "gateway": f"metadata/{repository.releases.version}.gateway.json",
    }[file]
    repository.files[path] += b" " * 600_000
    with refuses(device, ResponseTooLongError):
        device.client.install()


@pytest.mark.parametrize("role", ["snapshot", "targets", "gateway"])
@pytest.mark.parametrize("length", [10**12, None])
def test_a_stolen_online_key_does_not_lift_the_limit(device, repository, role, length, monkeypatch):
    limits = []
    get = repository.get

    def watch(url, *, max_bytes):
        limits.append(max_bytes)
        return get(url, max_bytes=max_bytes)

    monkeypatch.setattr(repository, "get", watch)
    hashes = {"sha256": "0" * 64}
    if role == "snapshot":
        version = repository.snapshot.version + 1
        repository.timestamp.snapshot_meta = MetaFile(version, length, hashes)
        repository.files[f"metadata/{version}.snapshot.json"] = b"{}"
    else:
        version = repository.snapshot.meta[f"{role}.json"].version + 1
        repository.snapshot.meta[f"{role}.json"] = MetaFile(version, length, hashes)
        repository.files[f"metadata/{version}.{role}.json"] = b"{}"
        repository.publish_snapshot()
    repository.publish_timestamp()
    with refuses(device, MetadataError):
        device.client.install()
    assert max(limits) <= 16 * 1024 * 1024


@pytest.mark.parametrize("ending", ["stable.json", ".index"])
def test_a_file_longer_than_signed_is_not_read_to_its_end(device, repository, ending):
    (device.client._cache_dir / "offered.manifest").unlink()
    path = next(path for path in repository.files if path.endswith(ending))
    repository.files[path] += b" "
    with refuses(device, ResponseTooLongError):
        device.client.install()


@pytest.mark.parametrize(
    ("path", "size_bytes"),
    [("channels/stable.json", 512 * 1024 + 1), ("1.1.0/rootfs.index", 64 * 1024 * 1024 + 1)],
)
def test_a_length_that_even_the_signed_list_may_not_name_is_refused(
    device, repository, path, size_bytes
):
    repository.releases.targets[f"gateway/{path}"].length = size_bytes
    repository.releases.targets[f"gateway/{path}"].hashes = {"sha256": "0" * 64}
    repository.publish()
    with refused(VerificationError if "channels" in path else ManifestError):
        device.client.check()
    with refuses(device, VerificationError if "channels" in path else ManifestError):
        device.client.install()


def test_a_payload_longer_than_signed_is_read_to_the_signed_end_only(device, repository):
    path = next(path for path in repository.files if path.endswith(".data"))
    repository.files[path] += b"evil" * 1000
    assert device.client.install().installed


def test_a_payload_shorter_than_signed_activates_nothing(device, repository):
    path = next(path for path in repository.files if path.endswith(".data"))
    repository.files[path] = b""
    with nothing_activated(device), refused(FetchError):
        device.client.install()


def test_padded_metadata_within_the_limit_is_refused_by_its_hash(device, repository):
    repository.put(Release("1.2.0", rollback_index=2))
    serve_as(repository, "gateway", published(repository, "gateway"), repository.releases.version)
    path = f"metadata/{repository.releases.version}.gateway.json"
    repository.files[path] = repository.files[path][:-1] + b" "
    with refuses(device, MetadataError):
        device.client.install()
