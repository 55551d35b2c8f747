"""QEMU's record of every write and flush of a disk, and the disks that a power cut may leave.

The driver is ``blklogwrites``; the format is Linux' dm-log-writes (device-mapper/log-writes): a
superblock, then entries, each a sector of header and the sectors that were written.
"""

import struct
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import Final, Protocol

_SUPERBLOCK: Final = struct.Struct("<QQQI")
_ENTRY: Final = struct.Struct("<QQQQ")
_MAGIC: Final = 0x6A736677736872


class Kind(IntFlag):
    """What an entry records, bits that may be combined."""

    FLUSH = 1
    DURABLE = 2
    DISCARD = 4
    MARK = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation on the disk.

    Attributes:
        number: its place in the log.
        kind: what it is besides a write.
        offset: where it writes, in bytes.
        size_bytes: how much it writes; 0 for a bare flush.
        data_at: where the written bytes are in the log's file.
        log_bytes: how long the log was when it was complete.
    """

    number: int
    kind: Kind
    offset: int
    size_bytes: int
    data_at: int
    log_bytes: int

    @property
    def writes(self) -> bool:
        """Whether it changes the medium."""
        return self.size_bytes > 0 and not self.kind & (Kind.DISCARD | Kind.MARK)


def read_entries(log: Path) -> list[Entry]:
    """All complete entries of a log."""
    entries, length = [], log.stat().st_size
    with log.open("rb") as file:
        magic, _version, _count, sector = _SUPERBLOCK.unpack(file.read(_SUPERBLOCK.size))
        assert magic == _MAGIC, f"expected a dm-log-writes log, got {log}"
        position = sector
        while position + sector <= length:
            file.seek(position)
            first, sectors, flags, data = _ENTRY.unpack(file.read(_ENTRY.size))
            if not (first or sectors or flags or data):
                break
            kind, data_at = Kind(flags), position + sector
            size = sectors * sector
            position = data_at + (0 if kind & (Kind.DISCARD | Kind.MARK) else size)
            entries.append(Entry(len(entries), kind, first * sector, size, data_at, position))
    return entries


class Medium(Protocol):
    """A disk to look at."""

    def read(self, offset: int, size_bytes: int) -> bytes:
        """The bytes that are at ``offset``."""

    def identity(self, offset: int, size_bytes: int) -> Hashable:
        """The same for two media of one replay only if they hold the same bytes there."""


class DiskMedium:
    """A disk image as it is."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        # not its id(), which may be given to another one later
        self._token = object()

    def read(self, offset: int, size_bytes: int) -> bytes:
        """The bytes that are at ``offset``."""
        with self._disk.open("rb") as file:
            file.seek(offset)
            return file.read(size_bytes)

    def identity(self, offset: int, size_bytes: int) -> Hashable:
        """Nothing is known of other disks."""
        return (self._token, offset, size_bytes)


@dataclass(frozen=True, slots=True)
class Write:
    """Some bytes that reached the disk's cache; ``durable`` ones went through to the medium (FUA)."""

    number: int
    offset: int
    content: bytes
    durable: bool

    def touches(self, offset: int, size_bytes: int) -> bool:
        """Whether it writes into a piece of the disk."""
        return self.offset < offset + size_bytes and offset < self.offset + len(self.content)


class Replay:
    """A disk that is taken through a log, one flush after the other.

    Args:
        disk: an image as it was before the recording; it is written.
        log: the record.
        forced: tells of a written piece that whoever wrote it asked for durability (FUA).
    """

    def __init__(self, disk: Path, log: Path, *, forced: Callable[[bytes], bool]) -> None:
        self.entries = read_entries(log)
        self._forced = forced
        self._log = log.open("rb")
        self._disk = disk.open("r+b", buffering=0)
        # what no flush has made durable yet
        self.pending: list[Write] = []
        # where each write went that is durable, for telling media apart
        self._settled: list[Entry] = []
        self._unsettled: list[Entry] = []

    def steps(self) -> Iterator[Entry]:
        """Go through the log; at each step the disk's cache holds ``pending``."""
        for entry in self.entries:
            if entry.kind & Kind.FLUSH:
                self._settle()
            if entry.writes:
                content = self._content(entry)
                durable = bool(entry.kind & Kind.DURABLE) or self._forced(content)
                self.pending.append(Write(entry.number, entry.offset, content, durable))
                self._unsettled.append(entry)
            yield entry

    def medium(self, kept: list[Write]) -> "CachedMedium":
        """The disk as it would be with only these of the pending writes on it."""
        return CachedMedium(self, kept)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """What is durable at ``offset``."""
        self._disk.seek(offset)
        return self._disk.read(size_bytes)

    def last_durable(self, offset: int, size_bytes: int) -> int:
        """The number of the last write to a piece of the disk that a flush made durable; -1 for none."""
        stop = offset + size_bytes
        touching = (
            entry.number
            for entry in reversed(self._settled)
            if entry.offset < stop and offset < entry.offset + entry.size_bytes
        )
        return next(touching, -1)

    def close(self) -> None:
        """Close the disk and the log."""
        self._disk.close()
        self._log.close()

    def _settle(self) -> None:
        for write in self.pending:
            self._disk.seek(write.offset)
            self._disk.write(write.content)
        self.pending.clear()
        self._settled += self._unsettled
        self._unsettled.clear()

    def _content(self, entry: Entry) -> bytes:
        self._log.seek(entry.data_at)
        return self._log.read(entry.size_bytes)


class CachedMedium:
    """What is durable, and some of what was only in the disk's cache."""

    def __init__(self, replay: Replay, kept: list[Write]) -> None:
        self._replay, self.kept = replay, kept

    def identity(self, offset: int, size_bytes: int) -> Hashable:
        """By the writes that made it what it is there."""
        kept = tuple((w.number, len(w.content)) for w in self.kept if w.touches(offset, size_bytes))
        return (offset, size_bytes, self._replay.last_durable(offset, size_bytes), kept)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """The bytes that are at ``offset``."""
        found = bytearray(self._replay.read(offset, size_bytes))
        for write in self.kept:
            start = max(offset, write.offset)
            stop = min(offset + size_bytes, write.offset + len(write.content))
            if start < stop:
                piece = write.content[start - write.offset : stop - write.offset]
                found[start - offset : stop - offset] = piece
        return bytes(found)
