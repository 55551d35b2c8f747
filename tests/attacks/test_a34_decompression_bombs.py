"""A34: frames that expand without end or are malformed, even if they are signed as they are."""

import hashlib
import tracemalloc
from dataclasses import replace

import pytest
from backports.zstd import CompressionParameter, ZstdCompressor, compress
from hypothesis import given
from hypothesis import strategies as st
from support.attacks import nothing_activated, refused
from support.memory_repository import Release, encode

from ota_client.errors import PayloadError
from ota_client.payload import Codec, Index, Region, decode_frame

MIB = 1024 * 1024
CONTENT = bytes(range(256)) * 16


def region_of(frame, content=CONTENT, codec=Codec.ZSTD):
    """A region whose signed index names exactly this frame."""
    digest = hashlib.sha256(frame).digest()
    sha256 = hashlib.sha256(content).digest()
    return Region(0, len(content), sha256, codec, 0, len(frame), digest)


@pytest.fixture(scope="module")
def bomb():
    """A GiB of zeros."""
    compressor = ZstdCompressor()
    pieces = [compressor.compress(bytes(16 * MIB)) for _ in range(64)]
    return b"".join([*pieces, compressor.flush()])


@pytest.mark.system
def test_a_frame_that_expands_to_a_gib_takes_no_more_memory_than_its_region(bomb):
    assert len(bomb) < MIB
    region = region_of(bomb, bytes(MIB))
    tracemalloc.start()
    with refused(PayloadError, "expected a frame of exactly 1048576 bytes"):
        decode_frame(region, bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * MIB


@pytest.mark.parametrize("window_log", [23, 27, 30])
def test_a_frame_that_wants_a_window_beyond_any_region_gets_none(window_log):
    options = {CompressionParameter.window_log: window_log, CompressionParameter.content_size_flag: 0}
    compressor = ZstdCompressor(options=options)
    frame = compressor.compress(CONTENT) + compressor.flush()
    with refused(PayloadError, "expected a zstd frame"):
        decode_frame(region_of(frame), frame)


@pytest.mark.parametrize("level", [1, 9, 19, 22])
def test_the_largest_region_needs_no_larger_window(level):
    content = bytes(range(256)) * (4 * MIB // 256)
    frame = compress(content, level)
    assert decode_frame(region_of(frame, content), frame) == content


GOOD = compress(CONTENT)


@pytest.mark.parametrize(
    "frame",
    [
        GOOD[:-1],
        GOOD[1:],
        GOOD + b"\0",
        GOOD + GOOD,
        GOOD * 2,
        b"\x28\xb5\x2f\xfd",
        bytes(20),
        compress(CONTENT[:-1]),
        compress(CONTENT + b"\0"),
        compress(b""),
        b"\x50\x2a\x4d\x18\x04\0\0\0junk",
        b"\x50\x2a\x4d\x18\x04\0\0\0junk" + GOOD,
    ],
    ids=lambda frame: frame[:8].hex() + f"-{len(frame)}",
)
def test_a_malformed_frame_under_its_own_right_hash_is_refused(frame):
    with refused(PayloadError):
        decode_frame(region_of(frame), frame)


def test_a_frame_of_other_content_under_its_own_right_hash_is_refused():
    frame = compress(CONTENT[::-1])
    with refused(PayloadError, "got a frame of other content"):
        decode_frame(region_of(frame), frame)
    with refused(PayloadError, "got a frame of other content"):
        decode_frame(region_of(CONTENT[::-1], codec=Codec.RAW), CONTENT[::-1])


@given(
    frame=st.one_of(st.binary(max_size=300), st.binary(max_size=60).map(lambda tail: GOOD[:9] + tail))
)
def test_no_frame_yields_anything_but_its_region(frame):
    with refused(PayloadError):
        decode_frame(region_of(frame), frame)


@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("frame_bytes", [0, 1, 4095, 4096, 4097, 2**32 - 1])
def test_an_index_that_promises_too_much_of_a_frame_is_refused(codec, frame_bytes):
    index, _ = encode(CONTENT)
    (region,) = index.regions
    digest = bytes(32) if codec is Codec.ZERO else region.frame_sha256
    odd = replace(region, codec=codec, frame_bytes=frame_bytes, frame_sha256=digest)
    data = replace(index, regions=(odd,), data_bytes=frame_bytes).to_bytes()
    fits = {
        Codec.ZERO: frame_bytes == 0,
        Codec.RAW: frame_bytes == 4096,
        Codec.ZSTD: 0 < frame_bytes < 4096,
    }
    if fits[codec]:
        assert Index.from_bytes(data).regions == (odd,)
    else:
        with refused(PayloadError, "region 0: expected a codec and a frame length that fit"):
            Index.from_bytes(data)


def signed_bomb(repository, frame):
    """A release whose first region's frame is a bomb, signed by the product's stolen key."""
    import support.memory_repository as maker

    def encode_bomb(image, **_):
        index, _ = encode(image)
        bad = replace(region_of(frame, image[:4096]), offset=0)
        return replace(index, data_bytes=len(frame), regions=(bad,)), frame

    original, maker.encode = maker.encode, encode_bomb
    try:
        repository.put(Release("1.2.0", rollback_index=2, images=(("rootfs", CONTENT),)))
    finally:
        maker.encode = original


@pytest.mark.parametrize("kind", ["bomb", "cut", "other"])
def test_a_signed_bomb_activates_nothing(device, repository, kind):
    frame = {
        "bomb": compress(bytes(8 * MIB)),
        "cut": GOOD[:-4],
        "other": compress(CONTENT[::-1]),
    }[kind]
    assert len(frame) < 4096
    signed_bomb(repository, frame)
    device.client.check()
    with nothing_activated(device), refused(PayloadError):
        device.client.install()
