"""Every way in which the power can fail in the course of what a simulated disk recorded."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import PurePath
from typing import Final

from ota_client.testing.storage import (
    Created,
    Discarded,
    NameSynced,
    Operation,
    Removed,
    Renamed,
    SimulatedStorage,
    Synced,
    Written,
    carry_out,
)

_ERASED: Final = b"\xff"
_SECTOR_BYTES: Final = 512
_EVERY_SUBSET_OF_MOST: Final = 4


@dataclass(frozen=True, slots=True)
class Cut:
    """One way in which the power can fail.

    Attributes:
        done: how many operations were carried out before it.
        torn: how many bytes of the next operation, a write, arrived nevertheless; None where it had
            not begun.
        erased: whether what the torn write was to replace is gone: flash is erased before it is written.
        lost: of the operations that were not durable, the numbers of those not on the medium.
    """

    done: int
    torn: int | None = None
    erased: bool = False
    lost: tuple[int, ...] = ()

    def medium(self, storage: SimulatedStorage) -> dict[str, bytes]:
        """What a disk that recorded these operations holds after the cut, by path."""
        operations = list(storage.operations[: self.done])
        if self.torn is not None:
            operations += self._torn(storage.operations[self.done])
        files = {path: bytearray(data) for path, data in storage.initial.items()}
        names: dict[str, str | None] = {}
        for number, operation in enumerate(operations):
            lost = number in self.lost
            path = _follow(names, operation, lost=lost)
            if path is not None and not lost:
                carry_out(files, operation if path == operation.path else replace(operation, path=path))
        return {path: bytes(data) for path, data in files.items()}

    def _torn(self, operation: Operation) -> list[Operation]:
        if not isinstance(operation, Written):
            raise TypeError(f"expected a write to tear, got {operation}")
        path, offset, data = operation.path, operation.offset, operation.data
        arrived: Operation = Written(path, offset, data[: self.torn])
        if not self.erased:
            return [arrived]
        return [Written(path, offset, _ERASED * len(data)), arrived]


def every_cut(
    operations: Sequence[Operation], *, first: int = 0, whole_sectors: Collection[str] = ()
) -> Iterator[Cut]:
    """All cuts of a record: before each operation and after the last, and in the middle of each write.

    Args:
        operations: what a ``SimulatedStorage`` recorded.
        first: how many operations to leave whole.
        whole_sectors: the paths on a medium that writes each sector of 512 bytes wholly or not at all.

    A torn write stops after 0 bytes, one, at each sector of 512 bytes, or before its last byte, with the
    rest left as it was or erased; on ``whole_sectors`` only between sectors. Of the operations that were
    not durable, every subset is lost where there are few; where there are many, all, none, each alone,
    all but one, and the last ones.
    """
    for done in range(first, len(operations) + 1):
        for lost in _losses(_pending(operations[:done])):
            yield Cut(done, lost=lost)
            for torn, erased in _tears(operations[done : done + 1], whole_sectors):
                yield Cut(done, torn, erased, lost)


def _tears(begun: Sequence[Operation], whole_sectors: Collection[str]) -> Iterator[tuple[int, bool]]:
    for operation in begun:
        if not isinstance(operation, Written):
            continue
        size_bytes = len(operation.data)
        sectors = set(range(-operation.offset % _SECTOR_BYTES, size_bytes, _SECTOR_BYTES))
        if operation.path in whole_sectors:
            yield from ((torn, False) for torn in sorted(sectors - {0}))
            continue
        for torn in sorted({0, 1, size_bytes - 1} | sectors):
            yield torn, False
            yield torn, True


def _follow(names: dict[str, str | None], operation: Operation, *, lost: bool) -> str | None:
    """Where on the medium the operation's file is, None for nowhere, though its name may be lost.

    Args:
        names: where each file is whose name is another on the medium; brought up to date.
        operation: the next one.
        lost: whether it did not reach the medium.
    """
    path = names.get(operation.path, operation.path)
    match operation:
        case Created(path):
            names[path] = None if lost else path
        case Renamed(_, new):
            names[new] = path if lost or path is None else new
        case Removed(known) if not lost:
            names.pop(known, None)
        case _:
            pass
    return path


def _losses(pending: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(pending) <= _EVERY_SUBSET_OF_MOST:
        for size in range(len(pending) + 1):
            yield from combinations(pending, size)
        return
    alone = [(number,) for number in pending]
    others = [tuple(other for other in pending if other != number) for number in pending]
    last_ones = [pending[number:] for number in range(len(pending))]
    yield from dict.fromkeys([(), *last_ones, *alone, *others])


def _pending(done: Sequence[Operation]) -> tuple[int, ...]:
    """The numbers of the operations that no later one has made durable."""
    pending = []
    synced: set[str] = set()
    folders: set[PurePath] = set()
    for number in reversed(range(len(done))):
        match done[number]:
            case Synced(path):
                synced.add(path)
            case NameSynced() as names:
                folders.add(names.folder)
            case Created(path) | Removed(path) | Renamed(path):
                if PurePath(path).parent not in folders:
                    pending.append(number)
            case Written(path) | Discarded(path):
                if path not in synced:
                    pending.append(number)
    return tuple(reversed(pending))
