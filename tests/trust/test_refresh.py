from datetime import timedelta

import pytest
from support.attacks import refused
from support.memory_repository import BASE_URL, START, Release

from ota_client import FetchError, VerificationError, Version
from ota_client.errors import (
    HttpStatusError,
    ManifestError,
    MetadataError,
    SlowRetrievalError,
    StorageError,
    UnknownReleaseError,
)


def test_what_is_trusted_is_told(refresh, repository):
    trusted = refresh()
    assert {name: role.version for name, role in trusted.floor.roles.items()} == repository.versions()
    assert trusted.floor.signed_at == START
    assert trusted.root_version == 1
    assert trusted.expires_at["timestamp"] == START + timedelta(days=3)
    assert trusted.expires_at["gateway"] == START + timedelta(days=180)


def test_releases_are_listed_oldest_first(refresh, repository):
    for version in ("1.10.0", "1.9.0", "2.0.0-rc.1"):
        repository.add(Release(version))
    repository.publish()
    assert [str(version) for version in refresh().versions()] == [
        "1.1.0",
        "1.9.0",
        "1.10.0",
        "2.0.0-rc.1",
    ]


def test_a_release_is_found_by_its_version_and_by_its_channel(refresh):
    trusted = refresh()
    assert trusted.channel("stable") == trusted.release(Version.parse("1.1.0"))


def test_an_unknown_channel_or_version_is_told(refresh):
    trusted = refresh()
    with refused(UnknownReleaseError, "channels/beta.json"):
        trusted.channel("beta")
    with refused(UnknownReleaseError, "1.2.0/manifest.json"):
        trusted.release(Version.parse("1.2.0"))


def test_a_release_whose_manifest_names_another_version_is_refused(refresh, repository):
    manifest = repository.add(Release("1.3.0"), channel=None)
    repository.add_manifest("gateway/1.2.0/manifest.json", manifest)
    repository.publish()
    with refused(ManifestError, "expected release 1.2.0, got 1.3.0"):
        refresh().release(Version.parse("1.2.0"))


def test_a_manifest_and_metadata_that_name_different_payloads_are_refused(refresh, repository):
    repository.add_target("gateway/1.1.0/rootfs.data", b"another")
    repository.publish()
    with refused(ManifestError, "the manifest and the metadata name different payloads"):
        refresh().channel("stable")


def test_the_first_look_takes_a_request_for_each_role_and_one_for_the_manifest(refresh, repository):
    refresh().channel("stable")
    names = [url.rpartition("/")[2].partition("?")[0] for url in repository.requests]
    assert names[:5] == [
        "2.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
        "1.gateway.json",
    ]
    assert len(names) == 6


def test_nothing_new_takes_two_requests_and_less_than_1_kb(refresh, repository):
    refresh().channel("stable")
    repository.requests.clear()
    refresh().channel("stable")
    assert repository.requests == [
        f"{BASE_URL}metadata/2.root.json",
        f"{BASE_URL}metadata/timestamp.json",
    ]
    assert len(repository.files["metadata/timestamp.json"]) < 1000


def test_a_damaged_copy_of_the_manifest_is_fetched_again(refresh, repository, tmp_path):
    release = refresh().channel("stable")
    for damaged in (b"", b"{}", b"x" * 1000):
        (tmp_path / "tuf" / "offered.manifest").write_bytes(damaged)
        assert refresh().channel("stable") == release


def test_a_lost_connection_keeps_its_own_error(refresh, repository):
    for error in (SlowRetrievalError("slow"), FetchError("lost"), HttpStatusError("503", 503)):

        def get(_url, error=error, **_):
            raise error

        repository.get = get
        with refused(type(error)) as caught:
            refresh()
        assert caught.value is error


@pytest.mark.parametrize("status", [403, 404])
def test_a_next_root_that_is_not_there_is_the_end_of_the_chain(refresh, repository, status):
    get = repository.get

    def forbidding(url, *, max_bytes):
        if url.endswith(".root.json"):
            raise HttpStatusError(url, status)
        return get(url, max_bytes=max_bytes)

    repository.get = forbidding
    assert refresh().root_version == 1


@pytest.mark.parametrize("pinned_root", [b"", b"{}", b"not JSON", b"\xff"])
def test_a_pinned_root_that_is_none_is_told(refresh, pinned_root):
    with refused(MetadataError, "pinned root"):
        refresh(pinned_root=pinned_root)


def test_a_cache_that_cannot_be_made_is_told(refresh, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with refused(StorageError, "TUF cache"):
        refresh(cache_dir=tmp_path / "file" / "tuf")


def test_metadata_of_a_newer_specification_is_refused(refresh, repository):
    repository.timestamp.spec_version = "2.0.0"
    repository.publish_timestamp()
    with refused(MetadataError):
        refresh()


def test_a_repository_without_consistent_snapshots_works_too(refresh, repository):
    repository.root.consistent_snapshot = False
    repository.publish_root()
    for role, signed in (("gateway", repository.releases), ("targets", repository.targets)):
        repository.files[f"metadata/{role}.json"] = repository.sign(role, signed)
    repository.files["metadata/snapshot.json"] = repository.sign("snapshot", repository.snapshot)
    for path, target in repository.releases.targets.items():
        repository.files[f"targets/{path}"] = repository.files[
            f"targets/{target.get_prefixed_paths()[0]}"
        ]
    assert str(refresh().channel("stable").manifest.version) == "1.1.0"


def test_damaged_metadata_is_always_an_error_of_ours(refresh, repository, tmp_path):
    good = dict(repository.files)
    paths = [path for path in good if path.startswith("metadata/") and "1.root" not in path]
    for number, path in enumerate(paths):
        data = good[path]
        for damaged in (data[:-1], data[1:], data.replace(b":", b";", 3), b"\0", b""):
            repository.files = {**good, path: damaged}
            with pytest.raises(VerificationError):
                refresh(cache_dir=tmp_path / str(number))
