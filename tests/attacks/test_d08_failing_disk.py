"""D08: a disk that is full, writes short, fails or is read-only: an error, nothing active, a retry."""

import errno
import os
import resource
from itertools import count
from pathlib import Path

import pytest
from support.episodes import firmware
from support.folder_device import make_folder_device
from support.memory_repository import MemoryRepository, Release
from support.simulated import FACTORY_IMAGE, SLOT_BYTES

from ota_client.errors import StorageError

IMAGE = firmware("1.1.0", "rootfs")
RECORDS = ("B-rootfs.img", "state.", "rollback-index.", "boot.")


@pytest.fixture(scope="module")
def sound_repository():
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2, images=(("rootfs", IMAGE),)))
    return repository


def fail(monkeypatch, name, number, *, call, error, written=0):
    """The ``number``-th call on a file of that name fails, after it wrote some bytes; tells which."""
    real, pwrite, calls, failed = getattr(os, call), os.pwrite, count(), []

    def failing(descriptor, *args):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.name.startswith(name) and next(calls) == number:
            failed.append(path)
            if written:
                pwrite(descriptor, args[0][:written], args[1])
            raise OSError(error, os.strerror(error))
        return real(descriptor, *args)

    monkeypatch.setattr(os, call, failing)
    return failed


def slot(device, name):
    return device.path(f"slots/{name}-rootfs.img").read_bytes()


def check_unharmed(device):
    assert slot(device, "A") == FACTORY_IMAGE.ljust(SLOT_BYTES, b"\0")
    flags = {report.name: report for report in device.client.status().slots}
    assert flags["A"].good
    # the write that activates may have arrived, though its sync failed: then the slot is complete
    assert not flags["B"].bootable or slot(device, "B") == IMAGE.ljust(SLOT_BYTES, b"\0")


def check_retried(device):
    assert device.client.install().installed
    assert device.boot() == "B"
    assert device.client.mark_good().stored_rollback_index == 2


@pytest.mark.walk(5)
@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize(
    "how",
    [
        {"call": "pwrite", "error": errno.ENOSPC},
        {"call": "pwrite", "error": errno.ENOSPC, "written": 20},
        {"call": "pwrite", "error": errno.EIO},
        {"call": "fsync", "error": errno.EIO},
    ],
    ids=["disk full", "short write", "failed write", "failed sync"],
)
def test_d08_an_install_that_a_disk_error_stops_at_any_write_harms_nothing_and_can_be_retried(
    name, how, tmp_path, sound_repository
):
    for number in count():
        device = make_folder_device(tmp_path / str(number), sound_repository)
        with pytest.MonkeyPatch.context() as monkeypatch:
            failed = fail(monkeypatch, name, number, **how)
            told = told_by_an_install(device)
        if not failed:
            break
        assert told == f"{failed[0]}: {os.strerror(how['error'])}"
        check_unharmed(device)
        check_retried(device)
    assert told is None
    assert number >= 1


def told_by_an_install(device):
    try:
        device.client.install()
    except StorageError as e:
        return str(e)


def test_d08_a_short_write_of_the_kernel_is_continued_until_it_names_its_reason(
    tmp_path, sound_repository
):
    device = make_folder_device(tmp_path / "device", sound_repository)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # in the middle of the fourth region: the kernel writes a part of it, then says EFBIG
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096 * 3 + 100, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"B-rootfs\.img: File too large"):
            device.client.install()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    check_unharmed(device)
    assert device.boot() == "A"
    check_retried(device)


def test_d08_writes_that_fall_short_without_an_error_are_continued(
    tmp_path, sound_repository, monkeypatch
):
    device, pwrite = make_folder_device(tmp_path / "device", sound_repository), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: pwrite(file, data[:1000], at))
    check_retried(device)
    assert slot(device, "B") == IMAGE.ljust(SLOT_BYTES, b"\0")


def test_d08_a_read_only_device_says_so_and_still_tells_its_status(
    tmp_path, sound_repository, monkeypatch
):
    device = make_folder_device(tmp_path / "device", sound_repository)
    device.client.check()
    before, opened = device.files(), os.open

    def read_only(path, flags, *args, **kwargs):
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", read_only)
    for action in (device.client.check, device.client.install, device.client.mark_good):
        with pytest.raises(StorageError, match="Read-only file system"):
            action()
    assert str(device.client.status().running) == "1.0.0"
    monkeypatch.undo()
    assert device.files() == before
    check_retried(device)
