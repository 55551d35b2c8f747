"""A disk in memory that records every operation, and loses power when it is told to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from ota_client.disk.storage import StorageFile
from ota_client.errors import BusyError, StorageError

_GARBAGE: Final = b"\x5a"


class PowerCutError(BaseException):
    """The power went off. No code of the device may catch it, so it is no ``Exception``."""


@dataclass(frozen=True, slots=True)
class Created:
    """A file appeared, empty; durable after its folder's ``NameSynced``."""

    path: str


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes were written; durable after a ``Synced``."""

    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Discarded:
    """Bytes were given up: until they are written again, they may be anything."""

    path: str
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file got other content, wholly and durably: an EFI variable."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Removed:
    """A file disappeared; durable after its folder's ``NameSynced``."""

    path: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """A file got another name in its folder, by one change of one sector; durable as ``Removed``.

    So renames a boot loader. A file system of the operating system may change more than one sector.
    """

    path: str
    new: str


@dataclass(frozen=True, slots=True)
class Synced:
    """What was written to the file became durable."""

    path: str


@dataclass(frozen=True, slots=True)
class NameSynced:
    """The names of all files in the file's folder became durable."""

    path: str

    @property
    def folder(self) -> PurePath:
        """The folder that was synced."""
        return PurePath(self.path).parent


Operation = Created | Written | Discarded | Replaced | Removed | Renamed | Synced | NameSynced


class SimulatedStorage:
    """A disk in memory.

    Args:
        files: what it holds, by path.
        power: operations until the power goes off; None means that it stays on.

    Attributes:
        operations: what was done to it, in order.
    """

    def __init__(self, files: Mapping[str, bytes], *, power: int | None = None) -> None:
        self.initial = dict(files)
        self.power = power
        self.operations: list[Operation] = []
        self._now = {path: bytearray(data) for path, data in files.items()}
        self._locks: set[str] = set()

    def exists(self, path: str) -> bool:
        """Whether there is a file."""
        return path in self._now

    @contextmanager
    def open(self, path: str, *, writable: bool) -> Iterator[StorageFile]:
        """Open an existing file."""
        if path not in self._now:
            raise StorageError(f"{path}: No such file or directory")
        yield _SimulatedFile(self, path, writable=writable)

    def create(self, path: str, data: bytes) -> None:
        """Create a file that was not there, with its content and its name durable."""
        if path in self._now:
            raise StorageError(f"{path}: File exists")
        for operation in (Created(path), Written(path, 0, data), Synced(path), NameSynced(path)):
            self.apply(operation)

    def sync_name(self, path: str) -> None:
        """Make a file's name durable."""
        self.apply(NameSynced(path))

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, in order."""
        paths = sorted(map(PurePath, self._now))
        return tuple(path.name for path in paths if path.parent == PurePath(folder))

    def remove(self, path: str) -> None:
        """Remove a file; that is durable only after ``sync_name``."""
        if path not in self._now:
            raise StorageError(f"{path}: No such file or directory")
        self.apply(Removed(path))

    def replace(self, path: str, data: bytes) -> None:
        """Give a file other content, wholly and durably; make it where need be."""
        self.apply(Replaced(path, data))

    def flush_journal(self, path: str) -> None:
        """Make the names of the folder durable: there is no journal."""
        self.apply(NameSynced(path))

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Hold an exclusive lock."""
        if path in self._locks:
            raise BusyError(f"expected no other agent on this device, got one that holds {path}")
        self._locks.add(path)
        try:
            yield
        finally:
            self._locks.discard(path)

    def apply(self, operation: Operation) -> None:
        """Carry an operation out.

        Raises:
            PowerCutError: the power goes off before it.
        """
        if self.power is not None and len(self.operations) >= self.power:
            raise PowerCutError
        self.operations.append(operation)
        carry_out(self._now, operation)

    def size_bytes(self, path: str) -> int:
        """The size of a file."""
        return len(self._now[path])

    def read(self, path: str, offset: int, length: int) -> bytes:
        """What the device would read from a file."""
        return bytes(self._now[path][offset : offset + length])

    def files(self) -> dict[str, bytes]:
        """What the device would read from every file."""
        return {path: bytes(data) for path, data in self._now.items()}


class _SimulatedFile:
    def __init__(self, storage: SimulatedStorage, path: str, *, writable: bool) -> None:
        self._storage, self._path, self._writable = storage, path, writable

    @property
    def size_bytes(self) -> int:
        return self._storage.size_bytes(self._path)

    def read_at(self, offset: int, length: int) -> bytes:
        return self._storage.read(self._path, offset, length)

    def write_at(self, offset: int, data: bytes) -> None:
        if not self._writable:
            raise StorageError(f"{self._path}: Bad file descriptor")
        self._storage.apply(Written(self._path, offset, bytes(data)))

    def discard(self, offset: int, length: int) -> None:
        self._storage.apply(Discarded(self._path, offset, length))

    def sync(self) -> None:
        self._storage.apply(Synced(self._path))


def carry_out(files: dict[str, bytearray], operation: Operation) -> None:
    """Do to ``files`` what the operation does to a disk."""
    match operation:
        case Created(path):
            files[path] = bytearray()
        case Written(path, offset, data):
            content = files[path]
            content.extend(bytes(max(0, offset + len(data) - len(content))))
            content[offset : offset + len(data)] = data
        case Discarded(path, offset, size_bytes):
            files[path][offset : offset + size_bytes] = _GARBAGE * size_bytes
        case Replaced(path, data):
            files[path] = bytearray(data)
        case Removed(path):
            files.pop(path, None)
        case Renamed(path, new):
            files[new] = files.pop(path)
        case Synced() | NameSynced():
            pass
