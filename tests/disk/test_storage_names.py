"""Names on the disk: listed, removed, and the files of efivarfs."""

import fcntl
import os
import struct

import pytest

from ota_client.disk import immutable
from ota_client.disk.storage import DiskStorage
from ota_client.errors import StorageError

IMMUTABLE = 0x10


@pytest.fixture
def flagged(monkeypatch):
    """Files with the immutable flag, by inode; removing and writing respects it as the kernel does."""
    flags = {}

    def ioctl(descriptor, request, argument):
        inode = os.fstat(descriptor).st_ino
        if request == immutable._GETFLAGS:
            return struct.pack("i", flags.get(inode, 0))
        assert request == immutable._SETFLAGS
        (flags[inode],) = struct.unpack("i", argument)
        return argument

    write = os.write

    def guarded_write(descriptor, data):
        if flags.get(os.fstat(descriptor).st_ino, 0) & IMMUTABLE:
            raise PermissionError(1, "Operation not permitted")
        return write(descriptor, data)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    monkeypatch.setattr(os, "write", guarded_write)
    return flags


def test_names_are_listed_in_order(tmp_path):
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()
    assert DiskStorage().names(str(tmp_path)) == ("a", "b", "c")


def test_a_folder_that_is_not_there_is_an_error_of_one_line(tmp_path):
    with pytest.raises(StorageError, match="No such file"):
        DiskStorage().names(str(tmp_path / "none"))


def test_a_file_is_removed_and_one_that_is_not_there_is_an_error(tmp_path):
    (tmp_path / "a").touch()
    DiskStorage().remove(str(tmp_path / "a"))
    assert not (tmp_path / "a").exists()
    with pytest.raises(StorageError):
        DiskStorage().remove(str(tmp_path / "a"))


def test_a_file_is_made_or_replaced_by_one_write(tmp_path, monkeypatch):
    writes, write = [], os.write
    monkeypatch.setattr(os, "write", lambda *a: writes.append(a[1]) or write(*a))
    for content in (b"first", b"other"):
        DiskStorage().replace(str(tmp_path / "variable"), content)
        assert (tmp_path / "variable").read_bytes() == content
    assert writes == [b"first", b"other"]


def test_a_short_write_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "write", lambda *_: 1)
    with pytest.raises(StorageError):
        DiskStorage().replace(str(tmp_path / "variable"), b"whole")


def test_a_planted_link_is_not_followed(tmp_path):
    (tmp_path / "target").write_bytes(b"before")
    (tmp_path / "variable").symlink_to(tmp_path / "target")
    with pytest.raises(StorageError):
        DiskStorage().replace(str(tmp_path / "variable"), b"after")
    assert (tmp_path / "target").read_bytes() == b"before"


def test_the_immutable_flag_is_taken_off_for_the_write_and_set_again(tmp_path, flagged):
    file = tmp_path / "variable"
    file.write_bytes(b"before")
    flagged[file.stat().st_ino] = IMMUTABLE
    DiskStorage().replace(str(file), b"after!")
    assert file.read_bytes() == b"after!"
    assert flagged[file.stat().st_ino] == IMMUTABLE


def test_the_immutable_flag_is_set_again_when_the_write_fails(tmp_path, flagged, monkeypatch):
    file = tmp_path / "variable"
    file.write_bytes(b"before")
    flagged[file.stat().st_ino] = IMMUTABLE
    monkeypatch.setattr(os, "write", lambda *_: 0)
    with pytest.raises(StorageError):
        DiskStorage().replace(str(file), b"after!")
    assert flagged[file.stat().st_ino] == IMMUTABLE


def test_a_flag_that_may_not_be_changed_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "variable").touch()

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    with pytest.raises(StorageError, match="not permitted"):
        DiskStorage().remove(str(tmp_path / "variable"))
    assert (tmp_path / "variable").exists()
