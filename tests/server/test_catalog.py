import threading
from datetime import timedelta

import pytest
from support.memory_repository import START, MemoryRepository, Release

from ota_client.errors import ExpiredError, MetadataError, MetadataRollbackError, VerificationError
from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Severity
from ota_server import catalog_reader
from ota_server.catalog import Catalog
from ota_server.errors import NotFoundError, NotPublishedError, PublishedFolderError
from ota_server.files.folder import PublishedFolder

FIX = Advisory("CVE-2026-1", Severity.HIGH, "Overflow", "Update now", Version(1, 1, 0))


class MemoryFiles:
    """The repository's files as the server's store gives them; counts what is read."""

    def __init__(self, repository):
        self.repository = repository
        self.read = []
        self.broken = False

    def read_small(self, name, most_bytes):
        self.read.append(name)
        if self.broken:
            raise PublishedFolderError("the disk is gone")
        data = self.repository.files.get(name)
        if data is None:
            raise NotPublishedError(f"{name} is not published")
        assert len(data) <= most_bytes
        return data


@pytest.fixture
def repository():
    repository = MemoryRepository()
    repository.add(Release("1.0.0", hardware_ids=("gw-rev1", "gw-rev2")))
    repository.put(Release("1.1.0", rollback_index=2, min_version="1.0.0", advisories=(FIX,)))
    return repository


@pytest.fixture
def files(repository):
    return MemoryFiles(repository)


@pytest.fixture
def catalog(files):
    return Catalog(files, clock=lambda: files.repository.now)


def versions(catalog, product="gateway"):
    return [str(release.version) for release in catalog.releases(product)]


def test_the_catalog_has_what_the_manifests_say(catalog):
    assert catalog.products() == ("gateway",)
    assert versions(catalog) == ["1.0.0", "1.1.0"]
    release = catalog.release("gateway", Version(1, 1, 0))
    assert release.advisories == (FIX,)
    assert release.to_fields() == {
        "product": "gateway",
        "version": "1.1.0",
        "rollback_index": 2,
        "min_version": "1.0.0",
        "hardware_ids": ["gw-rev2"],
        "advisories": [FIX.to_fields()],
        "notes": "",
        "created_at": "2026-06-01T00:00:00Z",
        "manifest_sha256": release.manifest_sha256,
        "size_bytes": 8000,
        "payload_bytes": release.payload_bytes,
    }
    assert 0 < release.payload_bytes < 8000


def test_what_is_published_is_verified_once(catalog, files):
    versions(catalog)
    files.read.clear()
    versions(catalog)
    catalog.products()
    assert files.read == ["metadata/timestamp.json"] * 2


def test_a_new_release_is_seen_with_the_next_timestamp(catalog, repository):
    versions(catalog)
    repository.put(Release("1.2.0", rollback_index=2))
    assert versions(catalog) == ["1.0.0", "1.1.0", "1.2.0"]


@pytest.mark.parametrize("wrong", [("gateway", "9.9.9"), ("door", "1.0.0"), ("a\0/..", "1.0.0")])
def test_what_is_not_published_is_not_found(catalog, wrong):
    product, version = wrong
    with pytest.raises(NotFoundError, match="expected a published"):
        catalog.release(product, Version.parse(version))


def test_nothing_published_is_said_as_such():
    with pytest.raises(NotPublishedError, match="timestamp"):
        Catalog(MemoryFiles(type("Empty", (), {"files": {}}))).products()


def test_a_store_that_fails_is_no_verdict_and_is_asked_again(catalog, files):
    files.broken = True
    with pytest.raises(PublishedFolderError, match="disk"):
        catalog.products()
    files.broken = False
    assert versions(catalog)


def test_a_store_that_fails_underway_is_no_verdict(catalog, files, monkeypatch):
    whole = files.read_small

    def fails(name, most_bytes):
        if "manifest" in name:
            raise PublishedFolderError("the disk is gone")
        return whole(name, most_bytes)

    monkeypatch.setattr(files, "read_small", fails)
    with pytest.raises(PublishedFolderError, match="disk"):
        catalog.releases("gateway")


def test_a_replaced_manifest_is_refused(catalog, repository):
    # A01: the server believes no more than a device does
    path = next(path for path in repository.files if path.endswith("manifest.json"))
    repository.files[path] = repository.files[path].replace(b"gw-rev", b"xx-rev")
    with pytest.raises(VerificationError):
        catalog.releases("gateway")


def test_metadata_of_another_root_is_refused(files):
    other = MemoryRepository()
    other.replace_key("root", "another")
    other.publish_root()
    catalog = Catalog(files, other.files["metadata/2.root.json"], clock=lambda: START)
    files.repository.replace_key("timestamp", "a third")
    files.repository.publish_timestamp()
    with pytest.raises(MetadataError):
        catalog.products()


def test_an_older_state_is_refused_after_a_newer_one(catalog, files, repository):
    before = repository.copy()
    repository.put(Release("1.2.0", rollback_index=2))
    versions(catalog)
    files.repository = before
    with pytest.raises(MetadataRollbackError):
        catalog.releases("gateway")


def test_metadata_expires_while_it_is_kept(catalog, repository):
    versions(catalog)
    repository.now += timedelta(days=4)
    with pytest.raises(ExpiredError, match="gateway: the published metadata expired"):
        catalog.releases("gateway")
    repository.publish_timestamp()
    assert versions(catalog)


def test_a_product_that_nobody_renews_does_not_hide_the_others(repository, files):
    repository.add_product("lock")
    repository.add(Release("3.0.0", product="lock", hardware_ids=("lock-1",)))
    repository.publish()
    expired = repository.products["lock"]
    expired.expires = repository.now - timedelta(days=1)
    repository._list("lock", expired)
    repository.publish_snapshot()
    repository.publish_timestamp()
    catalog = Catalog(files, clock=lambda: repository.now)
    assert catalog.products() == ("gateway", "lock")
    assert versions(catalog) == ["1.0.0", "1.1.0"]
    for _ in range(2):
        with pytest.raises(ExpiredError):
            catalog.releases("lock")


def test_files_that_are_replaced_underway_are_read_again(catalog, files, repository, monkeypatch):
    versions(catalog)
    repository.put(Release("1.2.0", rollback_index=2))
    newer = repository.copy()
    newer.put(Release("1.3.0", rollback_index=2))
    whole = files.read_small

    def swapped(name, most_bytes):
        if name.endswith("manifest.json") and files.repository is repository:
            files.repository = newer
            raise NotPublishedError("the folder was swapped")
        return whole(name, most_bytes)

    monkeypatch.setattr(files, "read_small", swapped)
    assert versions(catalog)[-1] == "1.3.0"


def test_files_that_change_all_the_time_are_given_up(catalog, files, repository, monkeypatch):
    whole = files.read_small

    def swapped(name, most_bytes):
        if name.endswith("manifest.json"):
            repository.publish_timestamp()
            raise NotPublishedError("the folder was swapped")
        return whole(name, most_bytes)

    monkeypatch.setattr(files, "read_small", swapped)
    with pytest.raises(PublishedFolderError, match="changed 5 times"):
        catalog.releases("gateway")


def test_threads_share_one_reading(catalog, monkeypatch):
    readings = []
    read = catalog_reader.read

    def counted(*arguments, **named):
        readings.append(1)
        return read(*arguments, **named)

    monkeypatch.setattr(catalog_reader, "read", counted)
    threads = [threading.Thread(target=versions, args=(catalog,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(readings) == 1


def test_the_catalog_reads_the_published_folder(tmp_path, repository):
    for name, data in repository.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    catalog = Catalog(PublishedFolder(tmp_path), clock=lambda: repository.now)
    assert versions(catalog) == ["1.0.0", "1.1.0"]
