"""D13: images over 2 GiB and over 4 GiB are installed to the byte."""

import hashlib
import os

import pytest
from backports.zstd import compress
from support.folder_device import make_folder_device
from support.memory_repository import HARDWARE, PRODUCT, MemoryRepository

from ota_client.formats.version import Version
from ota_client.manifest import PAYLOAD_FORMAT, Image, Payload, ReleaseManifest
from ota_client.payload import REGION_BYTES, Codec, Index, Region, zero_digest

GIB = 1 << 30
IMAGE_BYTES = 4 * GIB + 4097
SLOT_BYTES = 4 * GIB + 3 * 4096
MARK = b"here"
# where 32-bit offsets, signed and unsigned, would wrap or lose a bit; all else is zeros
MARKED = (0, 2 * GIB - 2, 2 * GIB + 4096, 4 * GIB - 2, 4 * GIB + 4096 - 8, IMAGE_BYTES - len(MARK))
# of that image: a second hash of 4 GiB would cost as much as the rest of this test
IMAGE_SHA256 = "ac8883800559f5abfd18edb08994d7c9a54404074f176b603137a736f8481f7d"


@pytest.mark.system  # hashing 4 GiB twice takes a quarter of what `make test` may
def test_d13_an_image_over_4_gib_arrives_exactly_and_its_holes_stay_holes(tmp_path):
    device = make_folder_device(tmp_path, repository_with_it(), slot_bytes=SLOT_BYTES)
    assert device.client.install().installed
    slot = device.path("slots/B-rootfs.img")
    assert slot.stat().st_size == SLOT_BYTES
    assert slot.stat().st_blocks * 512 < 16 * 1024 * 1024
    with slot.open("rb") as file:
        for offset in MARKED:
            assert os.pread(file.fileno(), len(MARK), offset) == MARK
        tail = os.pread(file.fileno(), SLOT_BYTES, IMAGE_BYTES)
    assert tail == bytes(SLOT_BYTES - IMAGE_BYTES)
    assert device.boot() == "B"
    assert str(device.client.mark_good().running) == "1.1.0"


def repository_with_it():
    repository = MemoryRepository()
    index, data = payload()
    packed = index.to_bytes()
    repository.add_target(f"{PRODUCT}/1.1.0/rootfs.index", packed)
    repository.add_target(f"{PRODUCT}/1.1.0/rootfs.data", data)
    facts = Payload(PAYLOAD_FORMAT, len(packed), hashlib.sha256(packed).hexdigest(), len(data))
    manifest = ReleaseManifest(
        product=PRODUCT,
        version=Version.parse("1.1.0"),
        rollback_index=1,
        hardware_ids=(HARDWARE,),
        min_version=None,
        images=(Image("rootfs", IMAGE_BYTES, IMAGE_SHA256, facts),),
        advisories=(),
        notes="",
        sbom=None,
        created_at=repository.now,
    )
    for name in ("1.1.0/manifest.json", "channels/stable.json"):
        repository.add_manifest(f"{PRODUCT}/{name}", manifest)
    repository.publish()
    return repository


def payload():
    """The index and the data, without ever holding the image."""
    regions, data = [], b""
    for start in range(0, IMAGE_BYTES, REGION_BYTES):
        size = min(REGION_BYTES, IMAGE_BYTES - start)
        if any(start - len(MARK) < offset < start + size for offset in MARKED):
            content = marked(start, size)
            frame = compress(content)
            sha256, digest = hashlib.sha256(content).digest(), hashlib.sha256(frame).digest()
            region = Region(start, size, sha256, Codec.ZSTD, len(data), len(frame), digest)
            data += frame
        else:
            region = Region(start, size, zero_digest(size), Codec.ZERO, len(data), 0, bytes(32))
        regions.append(region)
    sha256 = bytes.fromhex(IMAGE_SHA256)
    return Index(REGION_BYTES, IMAGE_BYTES, sha256, len(data), tuple(regions)), data


def marked(start, size):
    """One region of the image."""
    content = bytearray(size + 2 * len(MARK))
    for offset in MARKED:
        place = offset - start + len(MARK)
        if 0 <= place < size + len(MARK):
            content[place : place + len(MARK)] = MARK
    return bytes(content[len(MARK) : len(MARK) + size])
