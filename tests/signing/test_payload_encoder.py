"""Images become payloads that devices decode, region by region."""

import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_client.errors import ConfigError
from ota_client.payload import INDEX_MOST_BYTES, REGIONS_MOST, Codec, Index, decode_frame
from signing.payload_encoder import encode_image


def encode(folder, content, **options):
    image = folder / "image"
    image.write_bytes(content)
    return encode_image(image, folder / "index", folder / "data", **options)


def decode(folder):
    index = Index.from_bytes((folder / "index").read_bytes())
    data = (folder / "data").read_bytes()
    assert len(data) == index.data_bytes
    return b"".join(
        bytes(r.size_bytes)
        if r.codec is Codec.ZERO
        else decode_frame(r, data[r.frame_offset : r.frame_end])
        for r in index.regions
    )


zeros = st.integers(1, 3 * 4096).map(bytes)
texts = st.text("abc", min_size=1, max_size=9).map(lambda text: text.encode() * 700)
contents = st.lists(
    st.one_of(zeros, texts, st.binary(min_size=1, max_size=9000)), min_size=1, max_size=5
)


@given(pieces=contents, region_bytes=st.sampled_from([4096, 8192, None]))
def test_what_was_encoded_is_decoded(tmp_path_factory, pieces, region_bytes):
    folder = tmp_path_factory.mktemp("round")
    content = b"".join(pieces)
    encoded = encode(folder, content, region_bytes=region_bytes)
    assert decode(folder) == content
    assert encoded.index.image_sha256 == hashlib.sha256(content).digest()
    for name, sha256 in (("index", encoded.index_sha256), ("data", encoded.data_sha256)):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256
    assert encoded.index_bytes == len((folder / "index").read_bytes())


def test_each_region_is_packed_as_suits_it(tmp_path):
    noise = os.urandom(4096)
    encoded = encode(tmp_path, bytes(4096) + noise + b"a" * 4096, region_bytes=4096)
    assert [r.codec for r in encoded.index.regions] == [Codec.ZERO, Codec.RAW, Codec.ZSTD]


@pytest.mark.parametrize("size", [1, 255 * 1024, 256 * 1024, 256 * 1024 + 1, 8 * 1024 * 1024])
def test_images_of_odd_sizes_and_small_images_get_small_regions(tmp_path, size):
    encoded = encode(tmp_path, b"x" * size)
    assert encoded.index.region_bytes == 256 * 1024
    assert decode(tmp_path) == b"x" * size


def test_images_over_8_mib_get_regions_of_1_mib(tmp_path):
    encoded = encode(tmp_path, bytes(8 * 1024 * 1024) + b"x")
    assert encoded.index.region_bytes == 1024 * 1024
    assert encoded.index.regions[-1].size_bytes == 1


@pytest.mark.system  # 4 GiB of zeros are hashed
def test_the_holes_of_a_sparse_image_over_4_gib_are_not_read(tmp_path, monkeypatch):
    size = 4 * 1024**3 + 5
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.seek(4 * 1024**3)
        file.write(b"tail!")
    read, pread = [], os.pread
    monkeypatch.setattr(os, "pread", lambda *how: read.append(how) or pread(*how))
    encoded = encode_image(image, tmp_path / "index", tmp_path / "data", region_bytes=4 * 1024**2)
    assert encoded.index.image_bytes == size
    assert [r.codec for r in encoded.index.regions[:-1]] == [Codec.ZERO] * 1024
    assert encoded.index.regions[-1].offset == 4 * 1024**3
    assert (tmp_path / "data").stat().st_size < 4096
    assert len(read) == 1


def test_progress_is_told_to_the_end(tmp_path):
    told = []
    encode(tmp_path, b"x" * 10_000, region_bytes=4096, progress=lambda *now: told.append(now))
    assert told == [(4096, 10_000), (8192, 10_000), (10_000, 10_000)]


@pytest.mark.parametrize("kind", ["missing", "empty", "folder"])
def test_what_is_no_image_is_refused(tmp_path, kind):
    image = tmp_path / "image"
    if kind == "empty":
        image.touch()
    if kind == "folder":
        image.mkdir()
    with pytest.raises(ConfigError, match="image"):
        encode_image(image, tmp_path / "index", tmp_path / "data")
    assert {p.name for p in tmp_path.iterdir()} <= {"image"}


@pytest.mark.parametrize("region_bytes", [0, 1, 4095, 5000, 8 * 1024 * 1024])
def test_a_region_size_that_no_device_takes_is_refused(tmp_path, region_bytes):
    with pytest.raises(ConfigError, match="power of two"):
        encode(tmp_path, b"x", region_bytes=region_bytes)
    assert not (tmp_path / "data").exists()


def test_an_image_that_shrinks_while_it_is_read_leaves_nothing(tmp_path):
    image = tmp_path / "image"
    image.write_bytes(os.urandom(300_000))

    def cut(_done, _total):
        os.truncate(image, 50_000)

    with pytest.raises(ConfigError, match="shorter"):
        encode_image(image, tmp_path / "index", tmp_path / "data", region_bytes=4096, progress=cut)
    assert [p.name for p in tmp_path.iterdir()] == ["image"]


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        encode(tmp_path, b"x" * 10_000)
    assert [p.name for p in tmp_path.iterdir()] == ["image"]


def test_an_image_of_more_regions_than_devices_take_is_refused_at_once(tmp_path):
    image = tmp_path / "image"
    image.touch()
    os.truncate(image, REGIONS_MOST * 4096 + 1)
    with pytest.raises(ConfigError, match="take larger regions"):
        encode_image(image, tmp_path / "index", tmp_path / "data", region_bytes=4096)
    assert list(tmp_path.iterdir()) == [image]


def test_the_most_regions_fill_the_index_that_devices_take(tmp_path):
    one = len(encode(tmp_path, b"x").index.to_bytes())
    each = len(encode(tmp_path, b"x" * 4097, region_bytes=4096).index.to_bytes()) - one
    header = one - each
    assert header + REGIONS_MOST * each <= INDEX_MOST_BYTES < header + (REGIONS_MOST + 1) * each
