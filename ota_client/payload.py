"""The payload format: an image as a row of regions, each checked by itself.

A payload is two files. The *index* names, for each region of the image, the sha256 of its bytes in the
slot and its frame in the *data*. Frames lie in the data in the order of their regions, without gaps,
so that neighbours are fetched by one Range request. The layout is in docs/reference/payload-format.md.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from struct import Struct
from typing import Final

from ota_client.errors import PayloadError

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

MAGIC: Final = b"RTCHidx1"
REGION_BYTES: Final = 1024 * 1024
SMALL_REGION_BYTES: Final = 256 * 1024
_REGION_BYTES_LEAST: Final = 4096
_REGION_BYTES_MOST: Final = 4 * 1024 * 1024
# some 115,000 regions: images of 112 GiB, in 50 MB of memory
INDEX_MOST_BYTES: Final = 8 * 1024 * 1024
# No frame needs a window beyond its region; zstd would take 128 MiB at a frame's word (A34).
_DECODING: Final[dict[int, int]] = {
    DecompressionParameter.window_log_max: _REGION_BYTES_MOST.bit_length() - 1
}

# magic, kind, region size, region count, image size, data size, image sha256
_HEADER = Struct(">8sIIIQQ32s")
# codec, frame length, region sha256, frame sha256
_ENTRY = Struct(">BI32s32s")
_KIND_FULL: Final = 0  # 1 is kept for deltas
REGIONS_MOST: Final = (INDEX_MOST_BYTES - _HEADER.size) // _ENTRY.size
_NO_FRAME: Final = bytes(32)


class Codec(IntEnum):
    """How a region's frame is packed. 3 and up are kept for deltas."""

    ZERO = 0
    RAW = 1
    ZSTD = 2


@dataclass(frozen=True, slots=True)
class Region:
    """One region of an image and its frame.

    Attributes:
        offset, size_bytes: where its bytes lie in the slot.
        sha256: of these bytes.
        frame_offset, frame_bytes: where its frame lies in the data; 0 bytes for zeros.
        frame_sha256: of the frame, checked before a decompressor sees it (A34).
    """

    offset: int
    size_bytes: int
    sha256: bytes
    codec: Codec
    frame_offset: int
    frame_bytes: int
    frame_sha256: bytes

    @property
    def frame_end(self) -> int:
        """Where the next frame begins."""
        return self.frame_offset + self.frame_bytes


@dataclass(frozen=True, slots=True)
class Index:
    """The regions of one image, in order."""

    region_bytes: int
    image_bytes: int
    image_sha256: bytes
    data_bytes: int
    regions: tuple[Region, ...]

    def to_bytes(self) -> bytes:
        """Write the index in its signed form."""
        header = _HEADER.pack(
            MAGIC,
            _KIND_FULL,
            self.region_bytes,
            len(self.regions),
            self.image_bytes,
            self.data_bytes,
            self.image_sha256,
        )
        entries = (_ENTRY.pack(r.codec, r.frame_bytes, r.sha256, r.frame_sha256) for r in self.regions)
        return header + b"".join(entries)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Index":
        """Read an index strictly.

        Raises:
            PayloadError: it is truncated, inconsistent, or of a kind that this version does not know.
        """
        if len(data) < _HEADER.size:
            raise PayloadError(f"payload index: expected {_HEADER.size} bytes or more, got {len(data)}")
        magic, kind, region_bytes, count, image_bytes, data_bytes, digest = _HEADER.unpack_from(data)
        if magic != MAGIC or kind != _KIND_FULL:
            raise PayloadError(
                f"payload index: expected {MAGIC!r} of kind {_KIND_FULL}, got {magic!r} of kind {kind}"
            )
        _check_sizes(len(data), region_bytes, count, image_bytes)
        regions = tuple(_regions(data, region_bytes, image_bytes))
        end = regions[-1].frame_end
        if end != data_bytes:
            raise PayloadError(f"payload index: expected frames of {data_bytes} bytes, got {end}")
        return cls(region_bytes, image_bytes, digest, data_bytes, regions)


def _check_sizes(index_bytes: int, region_bytes: int, count: int, image_bytes: int) -> None:
    power_of_two = region_bytes & (region_bytes - 1) == 0
    if not (_REGION_BYTES_LEAST <= region_bytes <= _REGION_BYTES_MOST and power_of_two):
        raise PayloadError(
            f"payload index: expected regions of a power of two from {_REGION_BYTES_LEAST} to "
            f"{_REGION_BYTES_MOST} bytes, got {region_bytes}"
        )
    regions = -(-image_bytes // region_bytes)
    if not 0 < count <= REGIONS_MOST or count != regions:
        raise PayloadError(
            f"payload index: expected {regions} regions (1 to {REGIONS_MOST}), got {count}"
        )
    expected = _HEADER.size + count * _ENTRY.size
    if index_bytes != expected:
        raise PayloadError(f"payload index: expected {expected} bytes, got {index_bytes}")


def _regions(data: bytes, region_bytes: int, image_bytes: int) -> Iterator[Region]:
    frame_offset = 0
    for number, entry in enumerate(_ENTRY.iter_unpack(memoryview(data)[_HEADER.size :])):
        codec, frame_bytes, sha256, frame_sha256 = entry
        offset = number * region_bytes
        size = min(region_bytes, image_bytes - offset)
        _check_frame(number, codec, frame_bytes, size, frame_sha256)
        yield Region(offset, size, sha256, Codec(codec), frame_offset, frame_bytes, frame_sha256)
        frame_offset += frame_bytes


def _check_frame(number: int, codec: int, frame_bytes: int, size: int, sha256: bytes) -> None:
    match codec:
        case Codec.ZERO:
            fits = frame_bytes == 0 and sha256 == _NO_FRAME
        case Codec.RAW:
            fits = frame_bytes == size
        case Codec.ZSTD:
            # a frame that is not smaller would have been stored raw
            fits = 0 < frame_bytes < size
        case _:
            fits = False
    if not fits:
        raise PayloadError(
            f"payload index: region {number}: expected a codec and a frame length that fit {size} "
            f"bytes, got codec {codec} with {frame_bytes} bytes"
        )


def decode_frame(region: Region, frame: bytes) -> bytes:
    """Turn a frame into its region's bytes; both are checked against the signed index.

    Memory is bounded by the region's size, whatever the frame claims (A34).

    Raises:
        PayloadError: the frame or the region is not what the index says.
    """
    if hashlib.sha256(frame).digest() != region.frame_sha256:
        raise PayloadError(
            f"payload data at {region.frame_offset}: expected the signed frame of "
            f"{region.frame_bytes} bytes, got other bytes"
        )
    content = frame if region.codec is Codec.RAW else _decompress(region, frame)
    if hashlib.sha256(content).digest() != region.sha256:
        raise PayloadError(
            f"payload data at {region.frame_offset}: expected a frame of the region at "
            f"{region.offset}, got a frame of other content"
        )
    return content


def _decompress(region: Region, frame: bytes) -> bytes:
    decompressor = ZstdDecompressor(options=_DECODING)
    try:
        content = decompressor.decompress(frame, region.size_bytes)
    except (ZstdError, MemoryError) as e:
        raise PayloadError(
            f"payload data at {region.frame_offset}: expected a zstd frame, got {e}"
        ) from e
    if len(content) != region.size_bytes or not decompressor.eof or decompressor.unused_data:
        raise PayloadError(
            f"payload data at {region.frame_offset}: expected a frame of exactly "
            f"{region.size_bytes} bytes, got another length"
        )
    return content


def contents(index: Index, read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The image's bytes in order, region by region, each checked.

    Args:
        index: of the payload.
        read: reads so many of the data's bytes, from its beginning on.

    Raises:
        PayloadError: the data is not what the index says.
    """
    for region in index.regions:
        if region.codec is Codec.ZERO:
            yield bytes(region.size_bytes)
        else:
            yield decode_frame(region, read(region.frame_bytes))


@lru_cache(maxsize=4)
def zero_digest(size_bytes: int) -> bytes:
    """The sha256 of a region of zeros."""
    return hashlib.sha256(bytes(size_bytes)).digest()


def runs(regions: tuple[Region, ...]) -> Iterator[tuple[Region, ...]]:
    """Group regions whose frames touch, so that each group is one Range request.

    Regions of zeros have no frame; they break no run.
    """
    framed = [region for region in regions if region.frame_bytes]
    start = 0
    for number, (before, after) in enumerate(pairwise(framed), start=1):
        if before.frame_end != after.frame_offset:
            yield tuple(framed[start:number])
            start = number
    if framed:
        yield tuple(framed[start:])
