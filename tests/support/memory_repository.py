"""A TUF repository in memory that is a fetcher: every attack changes one thing of a sound one.

``MemoryRepository`` builds and signs what ``ota-sign`` would, on python-tuf's Metadata API alone, so
that the device is tested against more than our own signing code.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from backports.zstd import compress
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from ota_client.errors import FetchError, HttpStatusError, ResponseTooLongError
from ota_client.formats.strict import format_time
from ota_client.formats.version import Version
from ota_client.manifest import (
    PAYLOAD_FORMAT,
    Advisory,
    Image,
    ImageFormat,
    Payload,
    ReleaseManifest,
    Sbom,
)
from ota_client.payload import Codec, Index, Region
from ota_client.verity import Verity

BASE_URL = "https://updates.example/"
START = datetime(2026, 6, 1, tzinfo=UTC)
PRODUCT = "gateway"
HARDWARE = "gw-rev2"
REGION_BYTES = 4096
_SERIALIZER = JSONSerializer(compact=True)


@cache
def signer(name: str) -> CryptoSigner:
    """A key by name; the same name is the same key within a run."""
    del name
    return CryptoSigner.generate_ed25519()


def encode(image: bytes, *, region_bytes: int = REGION_BYTES) -> tuple[Index, bytes]:
    """A payload in the format of docs/reference/payload-format.md, written a second time."""
    regions, frames, offset = [], [], 0
    for start in range(0, len(image), region_bytes):
        content = image[start : start + region_bytes]
        packed = compress(content)
        if not any(content):
            codec, frame, digest = Codec.ZERO, b"", bytes(32)
        else:
            codec, frame = (Codec.ZSTD, packed) if len(packed) < len(content) else (Codec.RAW, content)
            digest = hashlib.sha256(frame).digest()
        sha256 = hashlib.sha256(content).digest()
        regions.append(Region(start, len(content), sha256, codec, offset, len(frame), digest))
        frames.append(frame)
        offset += len(frame)
    digest = hashlib.sha256(image).digest()
    return Index(region_bytes, len(image), digest, offset, tuple(regions)), b"".join(frames)


@dataclass(frozen=True)
class Release:
    """What to release; the defaults are a small sound one."""

    version: str
    rollback_index: int = 1
    images: tuple[tuple[str, bytes], ...] = (("rootfs", b"firmware" * 1000),)
    hardware_ids: tuple[str, ...] = (HARDWARE,)
    min_version: str | None = None
    advisories: tuple[Advisory, ...] = ()
    product: str = PRODUCT
    notes: str = ""
    tars: tuple[str, ...] = ()
    hash_trees: Mapping[str, Verity] = field(default_factory=dict)
    sbom: bytes | None = None


class MemoryRepository:
    """A repository, its keys and its published files.

    ``files`` maps paths (``metadata/timestamp.json``, ``targets/...``) to bytes; an attack may change
    them after ``publish``. The metadata objects (``root``, ``targets``, ...) may be changed before it.
    ``products`` are the delegated roles by name; ``releases`` is that of the repository's own product.
    """

    def __init__(self, *, now: datetime = START, product: str = PRODUCT) -> None:
        self.now = now
        self.product = product
        self.signers: dict[str, list[CryptoSigner]] = {
            role: [signer(role)] for role in ("root", "targets", "snapshot", "timestamp")
        }
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.root = Root(expires=now, consistent_snapshot=True)
        self.targets = Targets(expires=now)
        self.snapshot = Snapshot(expires=now)
        self.timestamp = Timestamp(expires=now)
        for signed in (self.root, self.targets, self.snapshot, self.timestamp):
            signed.version = 0  # the first publication makes it 1
        for role in ("root", "targets", "snapshot", "timestamp"):
            self.root.add_key(signer(role).public_key, role)
        self.targets.delegations = Delegations({}, {})
        self.products: dict[str, Targets] = {}
        self.releases = self.add_product(product)
        self.publish_root()
        self.pinned_root = self.files["metadata/1.root.json"]

    # what a release engineer does

    def add_product(self, product: str) -> Targets:
        """Delegate a product's role to a key of its own."""
        role = DelegatedRole(product, [], 1, terminating=True, paths=[f"{product}/*/*"])
        self.targets.delegations.roles[product] = role
        self.targets.add_key(signer(product).public_key, product)
        self.signers[product] = [signer(product)]
        self.products[product] = Targets(expires=self.now)
        self.products[product].version = 0
        return self.products[product]

    def replace_key(self, role: str, key: str) -> None:
        """Give a role the key of that name instead of its own; the publishing is the caller's."""
        delegator = self.targets if role in self.products else self.root
        for old in self.signers[role]:
            delegator.revoke_key(old.public_key.keyid, role)
        delegator.add_key(signer(key).public_key, role)
        # a new root is signed by the old keys too (TUF 5.3.4)
        self.signers[role] = [*(self.signers[role] if role == "root" else ()), signer(key)]

    def add(self, release: Release, *, channel: str | None = "stable") -> ReleaseManifest:
        """Add a release, put it on a channel, and leave the publishing to the caller."""
        images = []
        stem = f"{release.product}/{release.version}"
        for slot, content in release.images:
            index, data = encode(content)
            packed = index.to_bytes()
            self.add_target(f"{stem}/{slot}.index", packed)
            self.add_target(f"{stem}/{slot}.data", data)
            payload = Payload(PAYLOAD_FORMAT, len(packed), hashlib.sha256(packed).hexdigest(), len(data))
            sha256 = hashlib.sha256(content).hexdigest()
            form = ImageFormat.TAR if slot in release.tars else ImageFormat.RAW
            tree = release.hash_trees.get(slot)
            images.append(Image(slot, len(content), sha256, payload, tree, form))
        manifest = ReleaseManifest(
            product=release.product,
            version=Version.parse(release.version),
            rollback_index=release.rollback_index,
            hardware_ids=release.hardware_ids,
            min_version=Version.parse(release.min_version) if release.min_version else None,
            images=tuple(images),
            advisories=release.advisories,
            notes=release.notes,
            sbom=self._add_sbom(stem, release.sbom),
            created_at=self.now.replace(microsecond=0),
        )
        self.add_manifest(f"{stem}/manifest.json", manifest)
        if channel is not None:
            self.add_manifest(f"{release.product}/channels/{channel}.json", manifest)
        return manifest

    def _add_sbom(self, stem: str, sbom: bytes | None) -> Sbom | None:
        if sbom is None:
            return None
        self.add_target(f"{stem}/sbom.json", sbom)
        return Sbom("sbom.json", len(sbom), hashlib.sha256(sbom).hexdigest())

    def add_manifest(self, path: str, manifest: ReleaseManifest) -> None:
        self.add_target(path, manifest.to_bytes())

    def add_target(self, path: str, data: bytes, *, role: str | None = None) -> None:
        """List a file in the role of its product, or in another."""
        target = TargetFile.from_data(path, data, ["sha256"])
        self.products.get(role or path.split("/", maxsplit=1)[0], self.releases).targets[path] = target
        self.files[f"targets/{target.get_prefixed_paths()[0]}"] = data

    def put(self, release: Release, **kwargs) -> ReleaseManifest:
        """Add a release and publish it."""
        manifest = self.add(release, **kwargs)
        self.publish()
        return manifest

    def publish(self) -> None:
        """Sign and publish everything below the root."""
        self.publish_product()
        self.publish_targets()
        self.publish_snapshot()
        self.publish_timestamp()

    def publish_root(self) -> None:
        self._advance(self.root, days=365)
        self.files[f"metadata/{self.root.version}.root.json"] = self.sign("root", self.root)

    def publish_product(self) -> None:
        for product, releases in self.products.items():
            self._advance(releases, days=180)
            self._list(product, releases)

    def publish_targets(self) -> None:
        self._advance(self.targets, days=365)
        self._list("targets", self.targets)

    def publish_snapshot(self) -> None:
        self._advance(self.snapshot, days=14)
        data = self.sign("snapshot", self.snapshot)
        self.files[f"metadata/{self.snapshot.version}.snapshot.json"] = data
        self.timestamp.snapshot_meta = MetaFile.from_data(self.snapshot.version, data, ["sha256"])

    def publish_timestamp(self) -> None:
        self._advance(self.timestamp, days=3)
        self.timestamp.unrecognized_fields["signed_at"] = format_time(self.now)
        self.files["metadata/timestamp.json"] = self.sign("timestamp", self.timestamp)

    def sign(self, role: str, signed) -> bytes:
        metadata = Metadata(deepcopy(signed))
        for key in self.signers[role]:
            metadata.sign(key, append=True)
        return metadata.to_bytes(_SERIALIZER)

    def versions(self) -> dict[str, int]:
        """What a device that saw all this remembers."""
        roles = (self.root, self.timestamp, self.snapshot, self.targets)
        return {role.type: role.version for role in roles} | {self.product: self.releases.version}

    def _list(self, role: str, signed: Targets) -> None:
        data = self.sign(role, signed)
        self.files[f"metadata/{signed.version}.{role}.json"] = data
        self.snapshot.meta[f"{role}.json"] = MetaFile.from_data(signed.version, data, ["sha256"])

    def _advance(self, signed, *, days: int) -> None:
        signed.version += 1
        signed.expires = (self.now + timedelta(days=days)).replace(microsecond=0)

    # the network

    def get(self, url: str, *, max_bytes: int) -> bytes:
        self.requests.append(url)
        data = self._find(url)
        if len(data) > max_bytes:
            raise ResponseTooLongError(f"{url}: expected at most {max_bytes} bytes")
        return data

    @contextmanager
    def open_range(self, url: str, *, start: int, stop: int) -> Iterator["MemoryBody"]:
        self.requests.append(url)
        yield MemoryBody(self._find(url)[start:stop])

    def _find(self, url: str) -> bytes:
        path = url.removeprefix(BASE_URL)
        if path not in self.files:
            raise HttpStatusError(f"{url}: 404", 404)
        return self.files[path]

    def copy(self) -> "MemoryRepository":
        """The repository as it is now: what an attacker recorded."""
        return deepcopy(self)


class MemoryBody:
    """A body that ends where its bytes end."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size_bytes: int) -> bytes:
        if len(self._data) < size_bytes:
            raise FetchError(f"expected {size_bytes} bytes more, got {len(self._data)}")
        piece, self._data = self._data[:size_bytes], self._data[size_bytes:]
        return piece
