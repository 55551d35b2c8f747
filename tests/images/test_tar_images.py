"""A tar image ends as files in a fresh file system, on a device in memory."""

from contextlib import contextmanager

import pytest
from support.attacks import nothing_activated, refused, refuses
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device
from support.tars import file, folder, hard_link, link, tar

from ota_client.errors import FetchError, ReadBackError, SlotMismatchError, StorageError
from ota_client.images.files import Tally
from ota_client.images.tree import TreeImages
from ota_client.progress import Stage
from ota_client.testing.file_system import packed

SETTINGS = '\n[file_systems.app]\nmake = ["mkfs", "{path}"]\nmount = "ext4"\n'
FILES = {"bin/app": b"program" * 3000, "etc/app.conf": b"port = 80\n", "empty": b""}
IMAGES = (("app", packed(FILES)), ("rootfs", b"firmware" * 1000))


@pytest.fixture
def repository():
    repository = MemoryRepository()
    repository.put(Release("1.1.0", 2, images=IMAGES, tars=("app",)))
    return repository


@pytest.fixture
def device(tmp_path, repository):
    device = make_device(tmp_path, repository, images=("rootfs", "app"), network=SETTINGS)
    device.client.check()
    return device


def slot_of(device):
    return device.storage.files()[device.config.slots["B"]["app"]].rstrip(b"\0")


def test_the_files_of_a_tar_image_are_in_the_slot_that_boots_next(device):
    stages = {}

    def note(progress):
        stages[progress.stage] = (progress.done_bytes, progress.total_bytes)

    device.client.install(progress=note)
    total = sum(len(content) for _, content in IMAGES)
    assert stages == {Stage.DOWNLOADING: (total, total), Stage.VERIFYING: (total, total)}
    assert slot_of(device) == packed(FILES).rstrip(b"\0")
    assert device.boot() == "B"
    assert str(device.client.mark_good().running) == "1.1.0"


def test_a_file_that_changed_before_the_read_back_is_found(device, monkeypatch):
    other = packed({**FILES, "etc/app.conf": b"port = 81\n"})

    def change(_check, slot):
        path = device.config.slots[slot]["app"]
        with device.storage.open(path, writable=True) as file:
            file.write_at(0, other)

    with nothing_activated(device), refused(ReadBackError, "3 files that were unpacked|files that are"):
        device.client.install(accept=change)


def test_an_image_that_was_not_written_in_this_run_is_not_accepted(device):
    device.slots._trees["app"]._file_system.make(device.config.slots["B"]["app"])
    trees = TreeImages(device.storage, device.slots._trees["app"]._file_system)
    path = device.config.slots["B"]["app"]
    device.client.install()
    with pytest.raises(ReadBackError):
        trees.read_back(path, 1, lambda _: None)


def test_after_an_interruption_the_file_system_is_made_anew(device, repository, monkeypatch):
    class BreakingBody:
        def __init__(self, body):
            self.body = body

        def read(self, size_bytes):
            if size_bytes > 10 and self.body:
                self.body = None
                raise FetchError("the connection broke")
            raise AssertionError

    open_range = repository.open_range

    @contextmanager
    def breaking(url, **where):
        with open_range(url, **where) as body:
            yield BreakingBody(body) if "app.data" in url else body

    monkeypatch.setattr(repository, "open_range", breaking)
    with nothing_activated(device), refused(FetchError, "the connection broke"):
        device.client.install()
    monkeypatch.undo()
    device.client.install()
    assert slot_of(device) == packed(FILES).rstrip(b"\0")


def test_a_file_system_that_is_full_is_one_sentence_and_nothing_is_activated(tmp_path):
    repository = MemoryRepository()
    big = tar(folder("d"), *(file(f"d/{n}", b"") for n in range(60)), form=0)
    repository.put(Release("1.1.0", 2, images=(("app", big),), tars=("app",)))
    device = make_device(tmp_path, repository, images=("app",), network=SETTINGS)
    device.client.check()
    device.slots._trees["app"]._file_system._put = full_disk
    with nothing_activated(device), refused(StorageError, "No space left"):
        device.client.install()


def full_disk(path, content):
    if len(content) > 20_000:
        raise StorageError(f"{path}: No space left on device")


@pytest.mark.parametrize(("tars", "settings"), [((), SETTINGS), (("app",), "")])
def test_c03_an_image_of_the_other_format_is_refused(tars, settings, tmp_path):
    repository = MemoryRepository()
    repository.put(Release("1.1.0", 2, images=IMAGES, tars=tars))
    device = make_device(tmp_path, repository, images=("rootfs", "app"), network=settings)
    device.client.check()
    with refuses(device, SlotMismatchError, "image app: expected a (tar|raw) image, got a (tar|raw)"):
        device.client.install()


def test_the_same_files_have_the_same_tally_in_any_order_and_others_have_not():
    def tally(*facts):
        found = Tally()
        for fact in facts:
            found.add(*fact)
        return found

    a, b = ("a", 1), ("b", 2)
    assert tally(a, b) == tally(b, a)
    others = [tally(a), tally(a, a), tally(("a", 2), ("b", 1)), tally(("a1",), ("b", 2))]
    assert all(other != tally(a, b) for other in others)


def test_links_within_the_archive_are_kept(tmp_path):
    from ota_client.images.archive import Archive
    from ota_client.images.files import Rules, Unpacking, tally_of

    data = tar(
        folder("./", mode=0o755),
        folder("lost+found"),
        folder("a"),
        file("a/b", b"text", mode=0o640, mtime=86400),
        link("a/c", "../a/b"),
        link("d", "a"),
        hard_link("e", "a/b"),
    )
    top = tmp_path / "top"
    top.mkdir()
    tally = Unpacking(Archive(iter([data])), top, Rules()).run()
    assert (top / "a/c").readlink().as_posix() == "../a/b"
    assert (top / "e").samefile(top / "a/b")
    status = (top / "a/b").stat()
    assert (status.st_mode & 0o7777, status.st_mtime) == (0o640, 86400)
    assert tally_of(top, lambda _: None) == tally
    (top / "a/b").chmod(0o600)
    assert tally_of(top, lambda _: None) != tally
