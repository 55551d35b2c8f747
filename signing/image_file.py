"""An image as a file or block device, read in pieces; the holes of sparse files are not read."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from ota_client.errors import ConfigError


@contextmanager
def open_image(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open an image; gives the file and its size in bytes.

    Raises:
        ConfigError: it is missing or empty, or is no file.
    """
    try:
        source = path.open("rb", buffering=0)
    except OSError as e:
        raise ConfigError(f"image {path}: {e.strerror}") from e
    with source:
        if not (stat.S_ISREG(mode := os.fstat(source.fileno()).st_mode) or stat.S_ISBLK(mode)):
            raise ConfigError(f"image {path}: expected a file or a block device")
        image_bytes = source.seek(0, os.SEEK_END)
        if image_bytes == 0:
            raise ConfigError(f"image {path}: expected at least one byte, got an empty file")
        yield source, image_bytes


def read_pieces(source: BinaryIO, image_bytes: int, piece_bytes: int) -> Iterator[bytes]:
    """The image in order, in pieces of one size; the last one may be shorter.

    Raises:
        ConfigError: the image became shorter meanwhile.
    """
    data_at = 0
    for offset in range(0, image_bytes, piece_bytes):
        size = min(piece_bytes, image_bytes - offset)
        if data_at < offset + size:
            data_at = max(data_at, _next_data(source, offset, image_bytes))
        if data_at >= offset + size:
            yield zeros(size)
            continue
        yield _read_exactly(source, offset, size)


@lru_cache(maxsize=4)
def zeros(size: int) -> bytes:
    """So many zeros; the same object for the same size, so that a hole is known by it."""
    return bytes(size)


def _read_exactly(source: BinaryIO, offset: int, size: int) -> bytes:
    pieces = []
    while size:
        piece = os.pread(source.fileno(), size, offset)
        if not piece:
            raise ConfigError(
                f"image {source.name}: expected more than {offset} bytes, it became shorter"
            )
        pieces.append(piece)
        offset += len(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _next_data(source: BinaryIO, offset: int, end: int) -> int:
    """Where the file has content again: holes of sparse images need not be read."""
    try:
        return os.lseek(source.fileno(), offset, os.SEEK_DATA)
    except OSError as e:
        # ENXIO: only a hole is left; anything else: this file system or device cannot tell
        return end if e.errno == errno.ENXIO else offset
