"""A small durable record in two copies: a write that is torn leaves the other copy (D01, D11)."""

import hashlib
from struct import Struct
from typing import Final

from ota_client.disk.storage import Storage
from ota_client.errors import StateCorruptError

MAX_BYTES: Final = 256 * 1024
_MAGIC: Final = b"RTCHrec1"
# magic, sequence number, content length, sha256 of all that and the content
_HEADER = Struct(">8sQI32s")
COPIES: Final = ("0", "1")
START_ANEW: Final = "remove both to start again from what the firmware carries"


class Record:
    """Some bytes that are read whole and replaced whole.

    The copies are written in turn, in place, each with a sequence number and a checksum; the valid one
    with the higher number counts. Nothing is renamed, so the record works on a raw partition too.
    """

    def __init__(self, storage: Storage, path: str, *, way_out: str = START_ANEW) -> None:
        self._storage = storage
        self._path = path
        self._way_out = way_out
        self._durable = 0  # the newest sequence number that this process has made durable

    @property
    def path(self) -> str:
        """Where it is; its copies have the path's name and ``.0`` or ``.1``."""
        return self._path

    def exists(self) -> bool:
        """Whether there is a copy, good or damaged."""
        return any(self._storage.exists(self._file(name)) for name in COPIES)

    def read(self) -> bytes | None:
        """The content last written, or None where there never was a record.

        Raises:
            StateCorruptError: both copies are there and both are damaged.
            StorageError: the disk does not let itself be read.
        """
        _, _, content = self._newest()
        return content

    def write(self, content: bytes) -> None:
        """Replace the content: after a cut, either the old or the new one is there.

        When this returns, ``content`` is durable, also where it was there already.

        Raises:
            StateCorruptError: both copies are damaged; writing would hide that.
            StorageError: the disk does not let itself be written.
        """
        if len(content) > MAX_BYTES:
            raise StateCorruptError(
                f"{self._path}: expected at most {MAX_BYTES} bytes to record, got {len(content)}"
            )
        sequence, copy, current = self._settled()
        if content == current:
            return
        packed = _pack(sequence + 1, content)
        if current is None:
            # Copy 0 is durable before copy 1 exists: two bad copies are never a first write cut short.
            self._put(COPIES[0], packed)
            self._put(COPIES[1], packed)
        else:
            self._put(COPIES[1 - copy], packed)
        self._durable = sequence + 1

    def _put(self, name: str, packed: bytes) -> None:
        path = self._file(name)
        if not self._storage.exists(path):
            self._storage.create(path, packed)
            return
        with self._storage.open(path, writable=True) as file:
            file.write_at(0, packed)
            file.sync()

    def _settled(self) -> tuple[int, int, bytes | None]:
        # An agent killed before its sync, or a sync that failed, leaves the newest copy in the page
        # cache alone, and the next write goes over the copy that is on the medium (D01, D08).
        sequence, copy, content = self._newest()
        if sequence == self._durable:
            return sequence, copy, content
        path = self._file(COPIES[copy])
        with self._storage.open(path, writable=True) as file:
            file.sync()
        self._storage.sync_name(path)
        newest = self._newest()
        self._durable = newest[0]
        return newest

    def _newest(self) -> tuple[int, int, bytes | None]:
        copies = [self._read_copy(name) for name in COPIES]
        valid = [(seq, number, data) for number, (seq, data) in enumerate(copies) if data is not None]
        if valid:
            return max(valid)
        if all(self._storage.exists(self._file(name)) for name in COPIES):
            raise StateCorruptError(
                f"{self._path}: expected one good copy of two ({self._path}.0 and .1), got none; "
                f"{self._way_out}"
            )
        return 0, 0, None

    def _read_copy(self, name: str) -> tuple[int, bytes | None]:
        path = self._file(name)
        if not self._storage.exists(path):
            return 0, None
        with self._storage.open(path, writable=False) as file:
            return _unpack(file.read_at(0, _HEADER.size + MAX_BYTES))

    def _file(self, name: str) -> str:
        return f"{self._path}.{name}"


def _pack(sequence: int, content: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, sequence, len(content), _checksum(sequence, content)) + content


def _unpack(data: bytes) -> tuple[int, bytes | None]:
    if len(data) < _HEADER.size:
        return 0, None
    magic, sequence, length, checksum = _HEADER.unpack_from(data)
    content = data[_HEADER.size : _HEADER.size + length]
    if magic != _MAGIC or len(content) != length or checksum != _checksum(sequence, content):
        return 0, None
    return sequence, content


def _checksum(sequence: int, content: bytes) -> bytes:
    return hashlib.sha256(sequence.to_bytes(8, "big") + content).digest()
