"""The kernel's own file systems: ext4 in a file behind a loop device, as root."""

import os
import subprocess
from pathlib import Path

import pytest
from support.memory_repository import encode
from support.tars import file, folder, hard_link, link, member, tar

from ota_client.disk.storage import DiskStorage
from ota_client.errors import PayloadError, ReadBackError, StorageError
from ota_client.images.file_system import KernelFileSystem
from ota_client.images.settings import FileSystemSettings
from ota_client.images.tree import TreeImages
from ota_client.payload import Index

MAKE = ("mkfs.ext4", "-q", "-F", "{path}")
SLOT_BYTES = 8 * 1024 * 1024


def loop_works():
    return os.geteuid() == 0 and Path("/dev/loop-control").exists()


pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not loop_works(), reason="run as root where the kernel has loop devices; needs e2fsprogs"
    ),
]

FILES = (
    folder("./"),
    folder("bin"),
    file("bin/app", b"program" * 200_000, mode=0o755, uid=12, gid=34),
    link("bin/link", "app"),
    hard_link("copy", "bin/app"),
    *(file(f"{number}", str(number).encode() * 999) for number in range(50)),
)


@pytest.fixture
def slot(tmp_path):
    path = tmp_path / "slot.img"
    with path.open("wb") as image:
        image.truncate(SLOT_BYTES)
    return str(path)


@pytest.fixture
def point(tmp_path):
    yield tmp_path / "mnt"
    subprocess.run(["umount", str(tmp_path / "mnt")], check=False, capture_output=True)


def tree_images(point, **settings):
    file_system = KernelFileSystem(FileSystemSettings(MAKE, "ext4", **settings), point)
    return TreeImages(DiskStorage(), file_system), file_system


def write(images, slot, data):
    from contextlib import nullcontext

    from support.memory_repository import MemoryBody

    packed_index, frames = encode(data, region_bytes=65536)
    index = Index.from_bytes(packed_index.to_bytes())
    images.write(
        slot, index, lambda start, stop: nullcontext(MemoryBody(frames[start:stop])), lambda _: None
    )


def test_files_are_unpacked_made_durable_and_found_again(slot, point):
    images, file_system = tree_images(point)
    data = tar(*FILES)
    write(images, slot, data)
    assert not point.is_mount()
    images.read_back(slot, len(data), lambda _: None)
    with file_system.mounted(slot, writable=False) as top:
        status = (top / "bin/app").stat()
        assert (status.st_uid, status.st_gid, status.st_nlink) == (12, 34, 2)
        with pytest.raises(OSError, match="Read-only"):
            (top / "new").touch()
    subprocess.run(["e2fsck", "-fn", slot], check=True, capture_output=True)


def test_what_rotted_on_the_medium_is_found(slot, point):
    images, _ = tree_images(point)
    data = tar(*FILES)
    write(images, slot, data)
    content = Path(slot).read_bytes()
    at = content.index(b"7777777777")
    with Path(slot).open("r+b") as medium:
        medium.seek(at)
        medium.write(b"8")
    with pytest.raises(ReadBackError, match="the medium may be worn out"):
        images.read_back(slot, len(data), lambda _: None)
    assert not point.is_mount()


def test_a_full_file_system_is_one_sentence_and_is_not_left_mounted(slot, point):
    images, _ = tree_images(point)
    data = tar(file("a", os.urandom(1000) * 8000))
    with pytest.raises(StorageError, match="No space left"):
        write(images, slot, data)
    assert not point.is_mount()
    write(images, slot, tar(*FILES))


def test_what_a_killed_agent_left_mounted_is_unmounted_first(slot, point):
    _, file_system = tree_images(point)
    file_system.make(slot)
    with file_system.mounted(slot, writable=True) as top:
        (top / "half").write_bytes(b"half")
        again, _ = tree_images(point)
        data = tar(*FILES)
        write(again, slot, data)
        again.read_back(slot, len(data), lambda _: None)


def test_system_files_are_made_only_where_the_settings_say_so(slot, point):
    import tarfile

    data = tar(
        file("su", mode=0o4755),
        link("sh", "/bin/dash"),
        member("null", tarfile.CHRTYPE, devmajor=1, devminor=3),
    )
    with pytest.raises(PayloadError, match="no set-uid"):
        write(tree_images(point)[0], slot, data)
    images, file_system = tree_images(point, system_files=True)
    write(images, slot, data)
    images.read_back(slot, len(data), lambda _: None)
    with file_system.mounted(slot, writable=False) as top:
        assert (top / "su").stat().st_mode & 0o7777 == 0o4755
        assert (top / "null").lstat().st_rdev == os.makedev(1, 3)
        with pytest.raises(PermissionError):
            (top / "null").read_bytes()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (("no-such-mkfs", "{path}"), "expected to run no-such-mkfs, got No such file"),
        (("false", "{path}"), "expected false to end with 0, got 1: no reason given"),
    ],
)
def test_a_command_that_fails_is_one_sentence(make, expected, slot, point):
    file_system = KernelFileSystem(FileSystemSettings(make, "ext4"), point)
    with pytest.raises(StorageError, match=expected):
        file_system.make(slot)


def test_what_is_no_file_system_is_not_mounted(slot, point):
    _, file_system = tree_images(point)
    with (
        pytest.raises(StorageError, match="expected mount to end with 0"),
        file_system.mounted(slot, writable=False),
    ):
        pass


def test_d09_a_link_in_the_place_of_the_mount_point_is_refused(slot, point, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    point.symlink_to(tmp_path / "elsewhere")
    _, file_system = tree_images(point)
    with pytest.raises(StorageError, match="got a link"):
        file_system.make(slot)
