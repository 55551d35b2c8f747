"""A tar image: its files end in a fresh file system on the slot."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ota_client.disk.storage import Storage
from ota_client.errors import ReadBackError, StorageError
from ota_client.images.archive import Archive
from ota_client.images.file_system import FileSystem
from ota_client.images.files import Rules, Tally, Unpacking, tally_of
from ota_client.images.raw import Advance, OpenFrames
from ota_client.payload import Index, contents


class TreeImages:
    """Writes tar images, and remembers what it wrote until it is read back.

    An interrupted attempt is not resumed: the next one starts with an empty file system.

    Args:
        storage: the disk.
        file_system: the slots' kind of file system.
    """

    def __init__(self, storage: Storage, file_system: FileSystem) -> None:
        self._storage, self._file_system = storage, file_system
        self._written: dict[str, Tally] = {}

    def write(self, path: str, index: Index, open_frames: OpenFrames, advance: Advance) -> None:
        """Make the file system anew, unpack the image into it, and make it durable.

        Raises:
            PayloadError: the archive is malformed, or holds what it must not.
            StorageError: the disk failed, or is full.
        """
        self._written.pop(path, None)
        self._file_system.make(path)
        with self._storage.open(path, writable=False) as file:
            rules = Rules(system=self._file_system.system_files, bytes_most=file.size_bytes)
        with self._mounted(path, writable=True) as folder:
            pieces = _told(_fetched(index, open_frames), advance)
            tally = Unpacking(Archive(pieces), folder, rules).run()
        # an unmount need not tell of errors, nor empty the cache of the device
        with self._storage.open(path, writable=True) as file:
            file.sync()
        self._written[path] = tally

    def read_back(self, path: str, size_bytes: int, advance: Advance) -> None:
        """Mount the file system anew and compare every file with what was unpacked (C05, D07).

        Raises:
            ReadBackError: it holds something else.
            StorageError: the disk failed.
        """
        done = 0

        def count(more_bytes: int) -> None:
            nonlocal done
            more_bytes = min(more_bytes, size_bytes - done)
            done += more_bytes
            advance(more_bytes)

        with self._mounted(path, writable=False) as folder:
            found = tally_of(folder, count)
        written = self._written.get(path, Tally())
        if found != written:
            raise ReadBackError(
                f"{path}: expected the {written.files} files that were unpacked, read back "
                f"{found.files} files that are not the same; the medium may be worn out"
            )
        count(size_bytes)

    @contextmanager
    def _mounted(self, path: str, *, writable: bool) -> Iterator[Path]:
        try:
            with self._file_system.mounted(path, writable=writable) as folder:
                yield folder
        except OSError as e:
            raise StorageError(f"{path}: {e.strerror or e}") from e


def _fetched(index: Index, open_frames: OpenFrames) -> Iterator[bytes]:
    if not index.data_bytes:
        yield from contents(index, lambda _: b"")
        return
    with open_frames(0, index.data_bytes) as body:
        yield from contents(index, body.read)


def _told(pieces: Iterator[bytes], advance: Advance) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        advance(len(piece))
