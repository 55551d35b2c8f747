"""A folder that is not whole is found before anything of it is uploaded."""

import pytest
from support.memory_repository import MemoryRepository, Release

from ota_server.errors import InvalidError, NotPublishedError
from ota_server.files.completeness import check_complete, timestamp_version
from ota_server.files.folder import PublishedFolder


@pytest.fixture
def repository():
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2))
    return repository


@pytest.fixture
def folder(tmp_path, repository):
    for name, content in repository.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return PublishedFolder(tmp_path)


def named_by_the_timestamp(repository):
    return [name for name in repository.files if ".root.json" not in name]


def test_a_published_folder_is_whole(folder, repository):
    assert check_complete(folder) >= 1
    assert check_complete(folder) == timestamp_version(repository.files["metadata/timestamp.json"])


def test_each_file_that_is_missing_is_named(folder, repository, tmp_path):
    for name in named_by_the_timestamp(repository):
        (tmp_path / name).unlink()
        with pytest.raises((InvalidError, NotPublishedError), match=name.rpartition("/")[2]):
            check_complete(folder)
        (tmp_path / name).write_bytes(repository.files[name])


def test_each_file_that_is_longer_is_named(folder, repository, tmp_path):
    for name in named_by_the_timestamp(repository):
        if name == "metadata/timestamp.json":
            continue
        (tmp_path / name).write_bytes(repository.files[name] + b" ")
        with pytest.raises(InvalidError, match=name.rpartition("/")[2]):
            check_complete(folder)
        (tmp_path / name).write_bytes(repository.files[name])


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"signed": {}, "signatures": []}'])
def test_a_timestamp_that_is_none_is_said_to_be_none(folder, tmp_path, content):
    (tmp_path / "metadata/timestamp.json").write_bytes(content)
    with pytest.raises(InvalidError, match="TUF timestamp"):
        check_complete(folder)
    assert timestamp_version(content) == 0


def test_another_role_under_the_timestamps_name_is_refused(folder, repository, tmp_path):
    snapshot = next(c for name, c in repository.files.items() if name.endswith(".snapshot.json"))
    (tmp_path / "metadata/timestamp.json").write_bytes(snapshot)
    with pytest.raises(InvalidError, match="TUF timestamp, got a snapshot"):
        check_complete(folder)
