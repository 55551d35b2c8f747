"""A raw image: its bytes, and nothing else, end in the block device or file."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final

from ota_client.disk.storage import StorageFile
from ota_client.network.fetcher import Body
from ota_client.payload import Codec, Index, Region, decode_frame, runs

_PIECE_BYTES: Final = 1024 * 1024
_ZEROS: Final = bytes(_PIECE_BYTES)
# no device has larger logical blocks, and one that gets a part of a block refuses
_DISCARD_UNIT_BYTES: Final = 4096

OpenFrames = Callable[[int, int], AbstractContextManager[Body]]
"""Opens the payload's data from one offset up to, not including, another."""

Advance = Callable[[int], None]
"""Told how many more bytes of the image are done."""


def write_raw(
    file: StorageFile, index: Index, open_frames: OpenFrames, advance: Advance, *, resume: bool
) -> None:
    """Write an image, clear what is behind it, and make both durable.

    Each frame is checked before it is decompressed and each region before it is written. Memory is
    bounded by a frame and a region.
    """
    missing = tuple(_missing(file, index, advance)) if resume else index.regions
    if not resume:
        for offset, size_bytes in _rewritten(index):
            file.discard(offset, size_bytes)
    for region in missing:
        if region.codec is Codec.ZERO:
            _clear(file, region.offset, region.size_bytes)
            advance(region.size_bytes)
    for run in runs(missing):
        _write_run(file, run, open_frames, advance)
    # what an older, longer image left behind must not be taken for part of this one (C07)
    _clear(file, index.image_bytes, file.size_bytes - index.image_bytes)
    file.sync()


def digest_of(file: StorageFile, size_bytes: int, advance: Advance) -> str:
    """The sha256 of the file's first bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for offset, length in _pieces(0, size_bytes):
        digest.update(file.read_at(offset, length))
        advance(length)
    return digest.hexdigest()


def _rewritten(index: Index) -> Iterator[tuple[int, int]]:
    """Where every byte is written anew: only that may be discarded.

    What a device reads after a discard may be anything, and another thing each time; zeros, and what
    lies behind the image, are compared before they are written.
    """
    start = end = 0
    for region in index.regions:
        if region.codec is Codec.ZERO:
            continue
        if region.offset != end:
            if end:
                yield start, end - start
            start = region.offset
        end = region.offset + region.size_bytes // _DISCARD_UNIT_BYTES * _DISCARD_UNIT_BYTES
    if end:
        yield start, end - start


def _write_run(
    file: StorageFile, run: tuple[Region, ...], open_frames: OpenFrames, advance: Advance
) -> None:
    with open_frames(run[0].frame_offset, run[-1].frame_end) as body:
        for region in run:
            content = decode_frame(region, body.read(region.frame_bytes))
            file.write_at(region.offset, content)
            advance(region.size_bytes)


def _missing(file: StorageFile, index: Index, advance: Advance) -> Iterator[Region]:
    for region in index.regions:
        content = file.read_at(region.offset, region.size_bytes)
        if hashlib.sha256(content).digest() == region.sha256:
            advance(region.size_bytes)
        else:
            yield region


def _clear(file: StorageFile, start: int, size_bytes: int) -> None:
    # Reading is cheaper than writing, and spares the flash what is zero already.
    for offset, length in _pieces(start, size_bytes):
        zeros = _ZEROS[:length]
        if file.read_at(offset, length) != zeros:
            file.write_at(offset, zeros)


def _pieces(start: int, size_bytes: int) -> Iterator[tuple[int, int]]:
    for offset in range(start, start + size_bytes, _PIECE_BYTES):
        yield offset, min(_PIECE_BYTES, start + size_bytes - offset)
