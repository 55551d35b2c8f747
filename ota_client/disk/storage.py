"""The port to the disk: every slot and state file is opened, read and written through it.

One port, so that a test can cut the power before every operation, tear every write, and drop what was
not made durable (see ``testing.py``).
"""

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from ota_client.disk.immutable import mutable
from ota_client.disk.journal import flush_journal
from ota_client.errors import BusyError, StorageError

# no link is followed, and a planted pipe does not hold the device up (D09)
_SAFE_FLAGS: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# linux/fs.h, _IO(0x12, 119); architectures that number it otherwise refuse it, and do not discard
_BLKDISCARD: Final = 0x1277


class StorageFile(Protocol):
    """An open slot or state file."""

    @property
    def size_bytes(self) -> int:
        """The size of the file or block device."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Read ``length`` bytes, fewer only at the end of the file."""

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of ``data``; it is durable only after ``sync``."""

    def discard(self, offset: int, length: int) -> None:
        """Tell the medium that these bytes will be written anew; until then they may be anything.

        Flash that knows so writes faster and wears less. A medium that cannot keeps what it has.
        """

    def sync(self) -> None:
        """Make what was written durable, and drop it from the page cache.

        What is read next then comes from the medium, so that a read-back sees what a reboot will see.
        """


class Storage(Protocol):
    """Opens files for the device. Every method raises ``StorageError`` when the disk will not."""

    def exists(self, path: str) -> bool:
        """Whether there is anything at ``path``."""

    def open(self, path: str, *, writable: bool) -> AbstractContextManager[StorageFile]:
        """Open an existing file or block device."""

    def create(self, path: str, data: bytes) -> None:
        """Create a file that was not there, with its content and its name durable."""

    def sync_name(self, path: str) -> None:
        """Make a file's name durable, should ``create`` have been cut short before that."""

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, in order."""

    def remove(self, path: str) -> None:
        """Remove a file; that is durable only after ``sync_name``."""

    def replace(self, path: str, data: bytes) -> None:
        """Give a file of efivarfs other content by one write, durably; make it where need be."""

    def flush_journal(self, path: str) -> None:
        """Bring names and sizes past the file system's journal, for whoever reads it without replay."""

    def lock(self, path: str) -> AbstractContextManager[None]:
        """Hold an exclusive lock; raises ``BusyError`` when another process has it (D10)."""


class DiskFile:
    """A file or block device of the operating system."""

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self._path = path

    @property
    def size_bytes(self) -> int:
        """The size of the file or block device."""
        # a block device has no st_size
        return os.lseek(self._descriptor, 0, os.SEEK_END)

    def read_at(self, offset: int, length: int) -> bytes:
        """Read ``length`` bytes, fewer only at the end of the file."""
        with _storage_errors(self._path):
            data = os.pread(self._descriptor, length, offset)
            while len(data) < length and (
                more := self._read_more(offset + len(data), length - len(data))
            ):
                data += more
            return data

    def _read_more(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of ``data``; it is durable only after ``sync``."""
        with _storage_errors(self._path):
            written = os.pwrite(self._descriptor, data, offset)
            while written < len(data):
                # a short write: the next one names its reason, such as a full disk (D08)
                written += os.pwrite(self._descriptor, memoryview(data)[written:], offset + written)

    def discard(self, offset: int, length: int) -> None:
        """Discard on a block device; a file keeps its room on the disk (D08)."""
        if stat.S_ISBLK(os.fstat(self._descriptor).st_mode):
            # a hint: whoever cannot take it says so, and nothing is lost
            with suppress(OSError):
                fcntl.ioctl(self._descriptor, _BLKDISCARD, struct.pack("QQ", offset, length))

    def sync(self) -> None:
        """Make what was written durable, and drop it from the page cache."""
        with _storage_errors(self._path):
            os.fsync(self._descriptor)
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


class DiskStorage:
    """The operating system's disk. Follows no symlink and shares no hard link (D09)."""

    def exists(self, path: str) -> bool:
        """Whether there is anything at ``path``, a dangling symlink included."""
        return os.path.lexists(path)

    @contextmanager
    def open(self, path: str, *, writable: bool) -> Iterator[StorageFile]:
        """Open an existing file or block device."""
        with _storage_errors(path):
            descriptor = os.open(path, _SAFE_FLAGS | (os.O_RDWR if writable else os.O_RDONLY))
        try:
            _check_kind(descriptor, path)
            yield DiskFile(descriptor, path)
        finally:
            os.close(descriptor)

    def create(self, path: str, data: bytes) -> None:
        """Create a file that was not there, with its content and its name durable."""
        with _storage_errors(path):
            flags = _SAFE_FLAGS | os.O_CREAT | os.O_EXCL | os.O_RDWR
            descriptor = os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)
        try:
            file = DiskFile(descriptor, path)
            file.write_at(0, data)
            file.sync()
        finally:
            os.close(descriptor)
        self.sync_name(path)

    def sync_name(self, path: str) -> None:
        """Make a file's name durable, should ``create`` have been cut short before that."""
        with _storage_errors(path):
            descriptor = os.open(Path(path).parent, os.O_DIRECTORY | os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, in order."""
        with _storage_errors(folder):
            return tuple(sorted(path.name for path in Path(folder).iterdir()))

    def remove(self, path: str) -> None:
        """Remove a file; that is durable only after ``sync_name``."""
        with _storage_errors(path), mutable(path):
            Path(path).unlink()

    def replace(self, path: str, data: bytes) -> None:
        """Give a file of efivarfs other content by one write, durably; make it where need be."""
        with _storage_errors(path), mutable(path):
            flags = _SAFE_FLAGS | os.O_CREAT | os.O_WRONLY
            descriptor = os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)
            try:
                _check_kind(descriptor, path)
                # no fsync, which efivarfs refuses: the firmware has stored it when the write returns
                if os.write(descriptor, data) != len(data):
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
            finally:
                os.close(descriptor)

    def flush_journal(self, path: str) -> None:
        """Bring names and sizes past the file system's journal, for whoever reads it without replay."""
        with _storage_errors(path):
            descriptor = os.open(path, _SAFE_FLAGS | os.O_RDONLY)
            try:
                flush_journal(descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Hold an exclusive lock; the kernel frees it when the process ends, however it ends."""
        with _storage_errors(path):
            flags = _SAFE_FLAGS | os.O_CREAT | os.O_RDWR
            descriptor = os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)
        try:
            _check_kind(descriptor, path)
            _try_lock(descriptor, path)
            yield
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int, path: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        raise BusyError(f"expected no other agent on this device, got one that holds {path}") from e


def _check_kind(descriptor: int, path: str) -> None:
    status = os.fstat(descriptor)
    if stat.S_ISBLK(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1):
        return
    raise StorageError(
        f"{path}: expected a block device or a plain file with one name, got something else; "
        "a link was planted here, or the path is wrong"
    )


@contextmanager
def _storage_errors(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise StorageError(f"{path}: {e.strerror or e}") from e
