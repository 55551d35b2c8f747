"""Image -> payload: each region hashed and compressed by itself, on all cores, in order."""

import hashlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from ota_client.errors import ConfigError
from ota_client.payload import (
    REGION_BYTES,
    REGIONS_MOST,
    SMALL_REGION_BYTES,
    Codec,
    Index,
    Region,
    zero_digest,
)
from signing.image_file import open_image, read_pieces, zeros
from signing.storage.files import sync_folder

if sys.version_info >= (3, 14):
    from compression.zstd import compress
else:
    from backports.zstd import compress

# Small images get small regions: less is fetched again after a cut, and less memory is needed.
SMALL_IMAGE_BYTES: Final = 8 * 1024 * 1024
# 65 MB/s a core at 27 % on shared libraries; level 19 reaches 23 % at 3 MB/s.
DEFAULT_LEVEL: Final = 9
_NO_FRAME: Final = bytes(32)
_REGION_BYTES_LEAST: Final = 4096
_REGION_BYTES_MOST: Final = 4 * 1024 * 1024

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """What an image became.

    Attributes:
        index_sha256, data_sha256: of the two files, in hexadecimal.
    """

    index: Index
    index_bytes: int
    index_sha256: str
    data_sha256: str


@dataclass(frozen=True, slots=True)
class _Packed:
    sha256: bytes
    codec: Codec
    frame: bytes
    frame_sha256: bytes


def encode_image(
    image: Path,
    index: Path,
    data: Path,
    *,
    region_bytes: int | None = None,
    level: int = DEFAULT_LEVEL,
    progress: Progress | None = None,
) -> EncodedImage:
    """Write the index and the data of an image; both are durable when this returns.

    Threads suffice for all cores: zstd and sha256 let go of Python's lock. Memory holds a few
    regions for each core, whatever the image's size.

    Args:
        image: a file or a block device.
        index: the file to write the regions to; both files appear whole or not at all.
        data: the file to write the frames to.
        region_bytes: a power of two; by default 1 MiB, or 256 KiB for images up to 8 MiB.
        level: of zstd, 1 to 19.
        progress: called with the bytes done and the bytes of the image.

    Raises:
        ConfigError: the image is missing, empty, too large for its regions, or changes while it is read.
        OSError: the disk is full, say; nothing is left behind.
    """
    with open_image(image) as (source, image_bytes):
        size = default_region_bytes(image_bytes) if region_bytes is None else region_bytes
        _check_region_bytes(size)
        _check_count(image, image_bytes, size)
        with _new_file(data) as frames:
            whole, data_hash = hashlib.sha256(), hashlib.sha256()
            regions: list[Region] = []
            offset = frame_offset = 0
            for packed, content_bytes in _pack_all(source, image_bytes, size, level, whole):
                frames.write(packed.frame)
                data_hash.update(packed.frame)
                regions.append(_region(packed, offset, content_bytes, frame_offset))
                offset += content_bytes
                frame_offset += len(packed.frame)
                if progress is not None:
                    progress(offset, image_bytes)
        made = Index(size, image_bytes, whole.digest(), frame_offset, tuple(regions))
        encoded = made.to_bytes()
        with _new_file(index) as file:
            file.write(encoded)
    return EncodedImage(made, len(encoded), hashlib.sha256(encoded).hexdigest(), data_hash.hexdigest())


def _check_count(image: Path, image_bytes: int, region_bytes: int) -> None:
    if image_bytes > REGIONS_MOST * region_bytes:
        raise ConfigError(
            f"image {image}: expected at most {REGIONS_MOST} regions of {region_bytes} bytes, got "
            f"{image_bytes} bytes; take larger regions (--region-bytes)"
        )


def default_region_bytes(image_bytes: int) -> int:
    """The region size that suits an image."""
    return SMALL_REGION_BYTES if image_bytes <= SMALL_IMAGE_BYTES else REGION_BYTES


def _check_region_bytes(size: int) -> None:
    if not (_REGION_BYTES_LEAST <= size <= _REGION_BYTES_MOST and size & (size - 1) == 0):
        raise ConfigError(
            f"region size: expected a power of two from {_REGION_BYTES_LEAST} to {_REGION_BYTES_MOST} "
            f"bytes, got {size}"
        )


def _region(packed: _Packed, offset: int, size_bytes: int, frame_offset: int) -> Region:
    return Region(
        offset,
        size_bytes,
        packed.sha256,
        packed.codec,
        frame_offset,
        len(packed.frame),
        packed.frame_sha256,
    )


def _pack_all(
    source: BinaryIO, image_bytes: int, region_bytes: int, level: int, whole: "hashlib._Hash"
) -> Iterator[tuple[_Packed, int]]:
    cores = os.cpu_count() or 1
    pool = ThreadPoolExecutor(cores)
    waiting: deque[tuple[Future[_Packed], int]] = deque()
    try:
        for content in read_pieces(source, image_bytes, region_bytes):
            waiting.append((pool.submit(_pack, content, level), len(content)))
            whole.update(content)
            if len(waiting) > 2 * cores:
                future, size_bytes = waiting.popleft()
                yield future.result(), size_bytes
        for future, size_bytes in waiting:
            yield future.result(), size_bytes
    finally:
        pool.shutdown(cancel_futures=True)


def _pack(content: bytes, level: int) -> _Packed:
    if content is zeros(len(content)) or content == zeros(len(content)):
        return _Packed(zero_digest(len(content)), Codec.ZERO, b"", _NO_FRAME)
    frame, codec = compress(content, level), Codec.ZSTD
    if len(frame) >= len(content):
        frame, codec = content, Codec.RAW
    return _Packed(hashlib.sha256(content).digest(), codec, frame, hashlib.sha256(frame).digest())


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when it is complete and on disk."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        with fresh.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
