"""The published folder, which ``ota-sign publish`` swaps as a whole, and the files in it.

Nothing outside can be reached (A27): a name is checked by one strict rule, and each of its parts is
opened below the one before it without following a symbolic link. Only the folder itself may be a link:
that link is what a publisher swaps.
"""

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ota_server.errors import NotPublishedError, PublishedFolderError
from ota_server.files.name import parts_of, sha256_in

# Two pieces a request at most are in memory: this one and what the socket has not taken of the last.
PIECE_BYTES = 256 * 1024
# To open a file and read so little from the system's cache takes some 12 us, to hand it to a thread 50.
_SMALL_BYTES = 64 * 1024

_HASHED_MOST_BYTES = 16 * 1024 * 1024
_DIGESTS_MOST = 1000
_SWAPS_MOST = 5
# What a name that leads nowhere, or through a link or a device, ends in.
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG, errno.EISDIR}
# O_NONBLOCK: opening a named pipe must not wait for its writer.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """An open file; it stays what it is when the folder is swapped.

    Attributes:
        size_bytes: exact.
        modified_s: when it was written, seconds since 1970.
        tag: changes with the content: its sha256, or for a large file that is not named by its hash,
            its size and time.
    """

    size_bytes: int
    modified_s: float
    tag: str
    _fd: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)

    async def address(self) -> str | None:
        """Files of a folder are read here."""
        return None

    async def read(self, start: int, most_bytes: int) -> bytes:
        """Read from ``start``; large pieces in a thread.

        Raises:
            PublishedFolderError: the disk failed, or the file was cut short while it was read.
        """
        size_bytes = min(PIECE_BYTES, most_bytes)
        if size_bytes <= _SMALL_BYTES:
            return self.read_now(start, size_bytes)
        return await asyncio.to_thread(self.read_now, start, size_bytes)

    def read_now(self, start: int, size_bytes: int) -> bytes:
        """Read up to ``size_bytes`` from ``start``.

        Raises:
            PublishedFolderError: the disk failed, or the file was cut short while it was read.
        """
        try:
            data = os.pread(self._fd, size_bytes, start)
        except OSError as e:
            raise PublishedFolderError(f"a published file cannot be read: {e.strerror}") from e
        if not data and size_bytes:
            raise PublishedFolderError(f"a published file ended at {start} of {self.size_bytes} bytes")
        return data


class PublishedFolder:
    """The folder of published files.

    Args:
        path: the folder, or the symbolic link that a publisher swaps.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digests: dict[_Identity, str] = {}

    async def open(self, name: str) -> PublishedFile:
        """Open ``metadata/...`` or ``targets/...``, without a thread: it costs more."""
        return self.open_file(name)

    def open_file(self, name: str) -> PublishedFile:
        """Open ``metadata/...`` or ``targets/...``.

        Raises:
            NotPublishedError: there is no such file.
            PublishedFolderError: the folder or the file cannot be read.
        """
        parts = parts_of(name)
        for _ in range(_SWAPS_MOST):
            with self._root() as root:
                try:
                    return self._describe(_walk(root, parts), parts[-1])
                except NotPublishedError:
                    # A publisher may have swapped the folder, and removed the old one, underway.
                    if self._is_current(root):
                        raise
        raise PublishedFolderError(
            f"the published folder was swapped {_SWAPS_MOST} times in one request"
        )

    async def check(self) -> None:
        """Make sure that a repository can be served.

        Raises:
            NotPublishedError: there is no timestamp, so no repository.
            PublishedFolderError: the folder cannot be read.
        """
        self.open_file("metadata/timestamp.json").close()

    def read_small(self, name: str, most_bytes: int) -> bytes:
        """Read a whole file.

        Raises:
            NotPublishedError: there is no such file.
            PublishedFolderError: it cannot be read, or has more than ``most_bytes``.
        """
        with self.open_file(name) as file:
            if file.size_bytes > most_bytes:
                raise PublishedFolderError(
                    f"{name}: expected at most {most_bytes} bytes, got {file.size_bytes}"
                )
            return file.read_now(0, file.size_bytes) if file.size_bytes else b""

    @contextmanager
    def _root(self) -> Iterator[int]:
        try:
            root = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as e:
            raise PublishedFolderError(f"the published folder cannot be opened: {e.strerror}") from e
        try:
            yield root
        finally:
            os.close(root)

    def _is_current(self, root: int) -> bool:
        try:
            return os.path.samestat(os.fstat(root), self._path.stat())
        except OSError:
            return False

    def _describe(self, fd: int, name: str) -> PublishedFile:
        try:
            status = _status_of_file(fd, name)
            tag = self._tag(fd, name, status)
        except BaseException:
            os.close(fd)
            raise
        return PublishedFile(status.st_size, status.st_mtime, tag, fd)

    def _tag(self, fd: int, name: str, status: os.stat_result) -> str:
        if named := sha256_in(name):
            return named
        if status.st_size > _HASHED_MOST_BYTES:
            return f"{status.st_size:x}-{status.st_mtime_ns:x}"
        identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        digest = self._digests.get(identity)
        if digest is None:
            digest = hashlib.sha256(os.pread(fd, status.st_size, 0)).hexdigest()
            if len(self._digests) >= _DIGESTS_MOST:
                self._digests.clear()
            self._digests[identity] = digest
        return digest


def _walk(root: int, parts: list[str]) -> int:
    """Open the last part below the ones before it; the caller closes what it gets."""
    folder = os.dup(root)
    try:
        for part in parts[:-1]:
            below = os.open(part, _FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(parts[-1], _FILE_FLAGS, dir_fd=folder)
    except OSError as e:
        if e.errno in _ABSENT:
            raise NotPublishedError(f"{'/'.join(parts)} is not published") from e
        raise PublishedFolderError(f"{'/'.join(parts)} cannot be opened: {e.strerror}") from e
    finally:
        os.close(folder)


def _status_of_file(fd: int, name: str) -> os.stat_result:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise NotPublishedError(f"{name} is not a file")
    return status
