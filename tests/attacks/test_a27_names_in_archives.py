"""A27: path tricks in the names of a tar image; signed by a stolen product key, say."""

import tarfile

import pytest
from support.attacks import nothing_activated, refused
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device
from support.tars import file, folder, hard_link, link, member, tar

from ota_client.errors import PayloadError

SETTINGS = '\n[file_systems.rootfs]\nmake = ["mkfs", "{path}"]\nmount = "ext4"\n'
EVIL = {
    "absolute": (file("/etc/passwd"),),
    "parent": (file("../outside"),),
    "parent inside": (folder("a"), file("a/../../outside")),
    "NUL in a pax name": (file("a", pax_headers={"path": "a\0b"}),),
    "overlong": (file("x" * 256),),
    "absolute through pax": (file("a", pax_headers={"path": "/outside"}),),
    "through a link": (link("a", "/"), file("a/outside")),
    "through a link within": (folder("a"), link("b", "a"), file("b/outside")),
    "over a link": (link("a", "b"), file("a")),
    "link out": (link("a", "/etc/passwd"),),
    "link up": (folder("a"), link("a/b", "../../outside")),
    "link up through itself": (folder("a"), link("a/b", "x/../../../outside")),
    "NUL in a link": (link("a", "x", pax_headers={"linkpath": "x\0y"}),),
    "hard link out": (hard_link("a", "/etc/passwd"),),
    "hard link up": (hard_link("a", "../../outside"),),
    "hard link through a link": (link("etc", "x"), hard_link("a", "etc/passwd")),
    "hard link through a link within": (
        folder("a"),
        file("a/b"),
        link("c", "a"),
        hard_link("d", "c/b"),
    ),
    "hard link to nothing": (hard_link("a", "b"),),
    "twice": (file("a"), file("a")),
    "folder over a file": (file("a"), folder("a")),
    "no folder": (file("a/b"),),
    "the top as a file": (file("."),),
    "a device": (member("sda", tarfile.BLKTYPE, devmajor=8),),
    "a character device": (member("mem", tarfile.CHRTYPE, devmajor=1, devminor=1),),
    "a pipe": (member("a", tarfile.FIFOTYPE),),
    "set-uid": (file("sh", mode=0o4755),),
    "set-gid": (folder("a", mode=0o2755),),
}


@pytest.mark.walk(9)
@pytest.mark.parametrize("trick", EVIL)
def test_a27_an_archive_with_a_trick_is_refused_and_nothing_is_written_outside(trick, tmp_path):
    repository = MemoryRepository()
    repository.put(Release("1.1.0", 2, images=(("rootfs", tar(*EVIL[trick])),), tars=("rootfs",)))
    device = make_device(tmp_path, repository, network=SETTINGS)
    device.client.check()
    with nothing_activated(device), refused(PayloadError, "^tar: expected"):
        device.client.install()
    assert device.boot() == "A"
    assert {path.name for path in tmp_path.iterdir()} == {"root.json", "state"}
