"""Which releases exist: what the published files say, believed only as far as a device would.

A release that the catalog has is one that devices accept, as far as can be told from here: it was read
by the device's own verifier from the same files (B11).
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from ota_client.errors import ExpiredError, FleetError, UnknownReleaseError, VerificationError
from ota_client.formats.strict import format_time
from ota_client.formats.version import Version
from ota_client.manifest import Advisory, ReleaseManifest, Sbom
from ota_client.rollback import TrustFloor
from ota_server.errors import NotFoundError

TIMESTAMP: Final = "metadata/timestamp.json"
FIRST_ROOT: Final = "metadata/1.root.json"
METADATA_MOST_BYTES: Final = 16 * 1024 * 1024


class SmallFiles(Protocol):
    """The published files, whole and small; see ``ota_server.files.store.FileStore``."""

    def read_small(self, name: str, most_bytes: int) -> bytes:
        """Read a whole file.

        Raises:
            NotPublishedError: there is no such file.
            PublishedFolderError: the files cannot be read, or it has more than ``most_bytes``.
        """


@dataclass(frozen=True, slots=True)
class CatalogRelease:
    """One release, as its signed manifest describes it.

    Attributes:
        min_version: a device below it must first run a release in between.
        advisories: of this release and of all before it (ADR 0007).
        manifest_sha256: the release's identity.
        size_bytes: of all images, as they end in the slots.
        payload_bytes: of all payloads, as they travel.
        slots: the names of those that its images go into.
        sbom: the file that says what it is made of; None if the release engineers gave none.
    """

    product: str
    version: Version
    rollback_index: int
    min_version: Version | None
    hardware_ids: tuple[str, ...]
    advisories: tuple[Advisory, ...]
    notes: str
    created_at: datetime
    manifest_sha256: str
    size_bytes: int
    payload_bytes: int
    slots: tuple[str, ...] = ()
    sbom: Sbom | None = None

    @classmethod
    def of(cls, manifest: ReleaseManifest, sha256: str) -> "CatalogRelease":
        """Take what the fleet needs to know from a manifest."""
        return cls(
            product=manifest.product,
            version=manifest.version,
            rollback_index=manifest.rollback_index,
            min_version=manifest.min_version,
            hardware_ids=manifest.hardware_ids,
            advisories=manifest.advisories,
            notes=manifest.notes,
            created_at=manifest.created_at,
            manifest_sha256=sha256,
            size_bytes=sum(image.size_bytes for image in manifest.images),
            payload_bytes=sum(image.payload.data_bytes for image in manifest.images),
            slots=tuple(image.slot for image in manifest.images),
            sbom=manifest.sbom,
        )

    def to_fields(self) -> dict[str, object]:
        """The release as JSON fields (docs/reference/ota-server.md)."""
        return {
            "product": self.product,
            "version": str(self.version),
            "rollback_index": self.rollback_index,
            "min_version": None if self.min_version is None else str(self.min_version),
            "hardware_ids": list(self.hardware_ids),
            "advisories": [advisory.to_fields() for advisory in self.advisories],
            "notes": self.notes,
            "created_at": format_time(self.created_at),
            "manifest_sha256": self.manifest_sha256,
            "size_bytes": self.size_bytes,
            "payload_bytes": self.payload_bytes,
        }


@dataclass(frozen=True, slots=True)
class Signatures:
    """Who vouches for a product's releases.

    Attributes:
        threshold: how many keys have to sign.
        signed: the ids of the keys that have; TUF keeps no names of people.
        unsigned: of those that may, and have not.
    """

    threshold: int
    signed: tuple[str, ...]
    unsigned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProductReading:
    """What was read of one product.

    Attributes:
        releases: oldest first.
        expires_at: when the first of the roles that vouch for it expires.
        signatures: of the product's role.
        roles_expire_at: by the role that vouches for it.
        root_version: of the root that is trusted.
    """

    releases: Mapping[Version, CatalogRelease]
    expires_at: datetime
    signatures: Signatures = Signatures(0, (), ())
    roles_expire_at: Mapping[str, datetime] = field(default_factory=dict)
    root_version: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from the published files at one moment.

    Attributes:
        timestamp: the bytes of the timestamp; another one calls for another reading.
        products: by name.
        refused: why devices would refuse a product: one that nobody renews does not hide the others.
        floors: what was trusted so far, by product: older files are refused (A06).
    """

    timestamp: bytes
    products: Mapping[str, ProductReading]
    refused: Mapping[str, VerificationError]
    floors: Mapping[str, TrustFloor]


def _now() -> datetime:
    return datetime.now(UTC)


class Catalog:
    """The releases that are published now; one object for all threads.

    What was verified is kept until the timestamp changes.

    Args:
        files: the published files.
        root: the bytes of the root metadata to trust; None means the first published one.
        clock: the time, UTC, by which metadata expires.
    """

    def __init__(
        self, files: SmallFiles, root: bytes | None = None, *, clock: Callable[[], datetime] = _now
    ) -> None:
        self._files = files
        self._root = root
        self._clock = clock
        self._lock = threading.Lock()
        self._last: Reading | None = None

    def products(self) -> tuple[str, ...]:
        """The products that have a role; raises as ``releases`` does, but for the last."""
        reading = self._current()
        return tuple(sorted({*reading.products, *reading.refused}))

    def releases(self, product: str) -> tuple[CatalogRelease, ...]:
        """The releases of a product, oldest first.

        Raises:
            VerificationError: a device would not trust what is published.
            NotPublishedError: nothing is published.
            PublishedFolderError: the published files cannot be read.
            NotFoundError: there is no such product.
        """
        reading = self._current()
        if refusal := reading.refused.get(product):
            raise type(refusal)(str(refusal))
        found = reading.products.get(product)
        if found is None:
            # it names no others: who asks may see this one alone (B10)
            raise NotFoundError(
                f"expected a published product, got {product[:80]!r}; `ota-server release list` has them"
            )
        if found.expires_at <= self._clock():
            raise ExpiredError(
                f"product {product}: the published metadata expired at {format_time(found.expires_at)}; "
                "its release engineers refresh it"
            )
        return tuple(found.releases.values())

    def signatures(self, product: str) -> Signatures:
        """Who signed a product's releases; raises as ``releases`` does."""
        self.releases(product)
        return self._current().products[product].signatures

    def release(self, product: str, version: Version) -> CatalogRelease:
        """One release.

        Raises:
            NotFoundError: there is no such product, or it lists no such release; else as ``releases``.
        """
        releases = self.releases(product)
        for release in releases:
            if release.version == version:
                return release
        newest = ", ".join(str(release.version) for release in reversed(releases[-5:])) or "none yet"
        raise NotFoundError(
            f"expected a published release of {product} (the newest: {newest}), got {version}"
        )

    def read_sbom(self, release: CatalogRelease) -> bytes:
        """The bill of materials of a release, as it was signed.

        Raises:
            NotFoundError: the release has none.
            UnknownReleaseError: the file is not the one that was signed.
            NotPublishedError: the file is missing.
            PublishedFolderError: the published files cannot be read.
        """
        sbom = release.sbom
        if sbom is None:
            raise NotFoundError(
                f"expected a release with an SBOM, got {release.product} {release.version}; "
                "`ota-sign release add --sbom FILE` publishes one with a release"
            )
        name = f"targets/{release.product}/{release.version}/{sbom.sha256}.{sbom.file}"
        data = self._files.read_small(name, sbom.size_bytes)
        if hashlib.sha256(data).hexdigest() != sbom.sha256:
            raise UnknownReleaseError(f"{name}: expected the SBOM that was signed, got other bytes")
        return data

    def held(self) -> "HeldCatalog":
        """The same releases, looked at once: for one operation."""
        return HeldCatalog(self)

    def current(self) -> Reading:
        """What is published now; raises as ``releases`` does, but for the last."""
        return self._current()

    def _current(self) -> Reading:
        with self._lock:
            timestamp = self._files.read_small(TIMESTAMP, METADATA_MOST_BYTES)
            if self._last is None or self._last.timestamp != timestamp:
                # the device's verifier takes 0.3 s to load; not every command needs it
                from ota_server.catalog_reader import read  # noqa: PLC0415 - as said above

                root = self._root or self._files.read_small(FIRST_ROOT, METADATA_MOST_BYTES)
                self._last = read(self._files, root, self._last, now=self._clock())
            return self._last


class HeldCatalog(Catalog):
    """A catalog that is read once, when it is first asked, or before: within a transaction others wait.

    Args:
        catalog: the one to look at.
    """

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog._files, catalog._root, clock=catalog._clock)  # noqa: SLF001 - its own kind
        self._source = catalog
        self._failed: FleetError | VerificationError | None = None

    def read_ahead(self) -> None:
        """Look at it; what fails is told to whoever asks for a release."""
        with suppress(FleetError, VerificationError):
            self._current()

    def _current(self) -> Reading:
        if self._failed is not None:
            raise self._failed
        if self._last is None:
            try:
                self._last = self._source.current()
            except (FleetError, VerificationError) as e:
                self._failed = e
                raise
        return self._last
