"""For tests, ours and yours: a disk in memory that loses power, and a device to go with it.

``SimulatedStorage`` records every operation. From that record it shows what a medium may hold after a
cut at any point: before an operation, in the middle of a write, and with writes lost that were not made
durable, so that one run of an update shows all of its cuts.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ota_client.bootcontrol.file import UNBOOTABLE, BootFlags, FileBootControl
from ota_client.client import OtaClient
from ota_client.config import DeviceConfig
from ota_client.counters import RecordCounter
from ota_client.errors import BusyError, StorageError
from ota_client.fetcher import Fetcher
from ota_client.ports import Ports
from ota_client.record import Record
from ota_client.simulator import SimulatedBootLoader
from ota_client.slots import Slots
from ota_client.state import StateStore
from ota_client.storage import StorageFile

_GOOD: Final = BootFlags(priority=15, tries_left=0, good=True)


class PowerCutError(BaseException):
    """The power went off. No code of the device may catch it, so it is no ``Exception``."""


@dataclass(frozen=True, slots=True)
class Created:
    """A file appeared, empty; durable after a ``NameSynced``."""

    path: str


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes were written; durable after a ``Synced``."""

    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Synced:
    """What was written to the file became durable."""

    path: str


@dataclass(frozen=True, slots=True)
class NameSynced:
    """The file's name became durable."""

    path: str


Operation = Created | Written | Synced | NameSynced
Survives = Callable[[int, Operation], bool]
"""Whether an operation that was not made durable is on the medium nevertheless, by its number."""


class SimulatedStorage:
    """A disk in memory.

    Args:
        files: what it holds, by path.
        power: operations until the power goes off; None means that it stays on.
    """

    def __init__(self, files: Mapping[str, bytes], *, power: int | None = None) -> None:
        self._initial = dict(files)
        self._now = {path: bytearray(data) for path, data in files.items()}
        self._power = power
        self._locks: set[str] = set()
        self.operations: list[Operation] = []

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
        """Carry an operation out, unless the power goes off before it."""
        if self._power is not None and len(self.operations) >= self._power:
            raise PowerCutError
        self.operations.append(operation)
        _carry_out(self._now, operation)

    def size_bytes(self, path: str) -> int:
        """The size of a file."""
        return len(self._now[path])

    def read(self, path: str, offset: int, length: int) -> bytes:
        """What the device would read from a file."""
        return bytes(self._now[path][offset : offset + length])

    def files(self) -> dict[str, bytes]:
        """What the device would read from every file."""
        return {path: bytes(data) for path, data in self._now.items()}

    def after_cut(self, done: int, *, torn: int | None = None, survives: Survives) -> dict[str, bytes]:
        """What the medium holds after a cut.

        Args:
            done: how many operations were carried out before it.
            torn: how many bytes of the next operation, a write, arrived nevertheless.
            survives: of the operations not made durable, which are on the medium.
        """
        operations = self.operations[:done]
        if torn is not None:
            cut = self.operations[done]
            if not isinstance(cut, Written):
                raise ValueError(f"expected a write to tear, got {cut}")
            operations.append(Written(cut.path, cut.offset, cut.data[:torn]))
        files = {path: bytearray(data) for path, data in self._initial.items()}
        durable = _durable(operations)
        lost: set[str] = set()
        for number, operation in enumerate(operations):
            if operation.path in lost or not (durable[number] or survives(number, operation)):
                if isinstance(operation, Created):
                    lost.add(operation.path)
                continue
            _carry_out(files, operation)
        return {path: bytes(data) for path, data in files.items()}


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

    def sync(self) -> None:
        self._storage.apply(Synced(self._path))


def _carry_out(files: dict[str, bytearray], operation: Operation) -> None:
    match operation:
        case Created(path):
            files[path] = bytearray()
        case Written(path, offset, data):
            content = files[path]
            content.extend(bytes(max(0, offset + len(data) - len(content))))
            content[offset : offset + len(data)] = data
        case Synced() | NameSynced():
            pass


def _durable(operations: list[Operation]) -> list[bool]:
    durable, synced, named = [], set(), set()
    for operation in reversed(operations):
        match operation:
            case Synced(path):
                synced.add(path)
            case NameSynced(path):
                named.add(path)
        known = named if isinstance(operation, Created) else synced
        durable.append(operation.path in known)
    return durable[::-1]


class SimulatedDevice:
    """A device in memory: slots A and B, the reference boot control, and a client.

    Args:
        config: its settings; their paths name files of ``storage``.
        storage: its disk.
        fetcher: its network.
        clock: its time, UTC.
    """

    def __init__(
        self,
        config: DeviceConfig,
        storage: SimulatedStorage,
        *,
        fetcher: Fetcher,
        clock: Callable[[], datetime],
    ) -> None:
        self.storage = storage
        self.booted = "A"
        self.boot_control = FileBootControl(
            Record(storage, str(config.boot.record)), lambda: self.booted
        )
        self.state = StateStore(Record(storage, str(config.state_dir / "state")))
        self.counter = RecordCounter(Record(storage, str(config.state_dir / "rollback-index")))
        self.slots = Slots(storage, self.boot_control, config.slots)
        ports = Ports(storage, self.slots, self.state, self.counter, lambda: fetcher, clock)
        self.client = OtaClient(config, ports)

    @staticmethod
    def factory_files(config: DeviceConfig, *, image: bytes, slot_bytes: int) -> dict[str, bytes]:
        """The disk of a device that leaves the factory: slot A runs ``image``, slot B is empty."""
        storage = SimulatedStorage({})
        for slot, images in config.slots.items():
            for path in images.values():
                content = image if slot == "A" else b""
                storage.create(path, content.ljust(slot_bytes, b"\0"))
        control = FileBootControl(Record(storage, str(config.boot.record)), lambda: "A")
        control.initialise({slot: _GOOD if slot == "A" else UNBOOTABLE for slot in config.slots})
        return storage.files()

    def boot(self) -> str:
        """Restart; returns the slot that runs."""
        self.booted = SimulatedBootLoader(self.boot_control).start()
        return self.booted

    def fail_boot(self) -> str:
        """Restart, with the first choice never coming up; returns the slot that runs."""
        self.booted = SimulatedBootLoader(self.boot_control).start_failing()[-1]
        return self.booted
