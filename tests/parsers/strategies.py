"""Sound values of each kind, for round trips."""

import string
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from ota_client.formats.strict import INTEGER_MAX, is_name
from ota_client.formats.version import Version
from ota_client.manifest import (
    PAYLOAD_FORMAT,
    Advisory,
    Image,
    ImageFormat,
    Payload,
    ReleaseManifest,
    Sbom,
    Severity,
)
from ota_client.payload import Codec, Index, Region
from ota_client.rollback import RoleFloor, TrustFloor
from ota_client.state import BadRelease, DeviceState, SlotContent
from ota_client.verity import Verity

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
names = st.text(string.ascii_lowercase + string.digits + "._-", min_size=1, max_size=20).filter(is_name)
digests = st.binary(min_size=32, max_size=32)
sha256s = digests.map(bytes.hex)
sizes = st.integers(1, INTEGER_MAX)
times = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 the strategy adds UTC
    lambda moment: moment.replace(microsecond=0)
)
numbers = st.integers(0, 10**6)
identifiers = st.one_of(numbers.map(str), st.text(string.ascii_lowercase + "-", min_size=1, max_size=8))
versions = st.builds(Version, numbers, numbers, numbers, st.lists(identifiers, max_size=3).map(tuple))
payloads = st.builds(Payload, st.just(PAYLOAD_FORMAT), sizes, sha256s, st.integers(0, INTEGER_MAX))
plain_images = st.builds(Image, names, sizes, sha256s, payloads, st.none(), st.sampled_from(ImageFormat))
hash_trees = st.builds(Verity, sha256s, sha256s, st.integers(1, 2**32))
verity_images = st.builds(
    lambda image, tree: replace(image, size_bytes=tree.image_bytes, verity=tree, format=ImageFormat.RAW),
    plain_images,
    hash_trees,
)
images = plain_images | verity_images
advisories = st.builds(Advisory, texts, st.sampled_from(Severity), texts, texts, versions)
manifests = st.builds(
    ReleaseManifest,
    product=names,
    version=versions,
    rollback_index=st.integers(0, 2**31 - 1),
    hardware_ids=st.lists(names, min_size=1, max_size=3, unique=True).map(tuple),
    min_version=st.none() | versions,
    images=st.lists(images, min_size=1, max_size=3, unique_by=lambda image: image.slot).map(tuple),
    advisories=st.lists(advisories, max_size=3).map(tuple),
    notes=texts,
    sbom=st.none() | st.builds(Sbom, names, sizes, sha256s),
    created_at=times,
)
contents = st.builds(SlotContent, versions, st.integers(0, INTEGER_MAX), texts, st.booleans())
roles = st.builds(RoleFloor, st.integers(0, INTEGER_MAX), st.lists(texts, max_size=3).map(tuple))
states = st.builds(
    DeviceState,
    trust_floor=st.builds(TrustFloor, st.dictionaries(texts, roles, max_size=3), st.none() | times),
    slots=st.dictionaries(texts, contents, max_size=3),
    trial=st.none() | texts,
    offered=st.none() | texts,
    bad_releases=st.lists(st.builds(BadRelease, versions, texts), max_size=3).map(tuple),
)


@st.composite
def indexes(draw):
    """A sound index of a few regions."""
    region_bytes = draw(st.sampled_from([4096, 65536, 4 * 1024 * 1024]))
    image_bytes = draw(st.integers(1, 5 * region_bytes))
    regions, frame_offset = [], 0
    for offset in range(0, image_bytes, region_bytes):
        size = min(region_bytes, image_bytes - offset)
        codec = draw(st.sampled_from(Codec if size > 1 else [Codec.ZERO, Codec.RAW]))
        frame_bytes = {Codec.ZERO: 0, Codec.RAW: size}.get(codec) or (
            draw(st.integers(1, size - 1)) if codec is Codec.ZSTD else 0
        )
        digest = draw(digests) if frame_bytes else bytes(32)
        regions.append(Region(offset, size, draw(digests), codec, frame_offset, frame_bytes, digest))
        frame_offset += frame_bytes
    return Index(region_bytes, image_bytes, draw(digests), frame_offset, tuple(regions))
