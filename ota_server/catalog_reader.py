"""The published files, read by the device's own verifier, as a device with that root would."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NoReturn

from tuf.api.metadata import Metadata, Snapshot, Targets

from ota_client.errors import FetchError, HttpStatusError, VerificationError
from ota_client.rollback import TrustFloor
from ota_client.trust import TrustedRepository, TufSession, refresh
from ota_server.catalog import (
    METADATA_MOST_BYTES,
    TIMESTAMP,
    CatalogRelease,
    ProductReading,
    Reading,
    Signatures,
    SmallFiles,
)
from ota_server.errors import NotPublishedError, PublishedFolderError

_BASE_URL: Final = "published:/"
_SWAPS_MOST: Final = 5


def read(files: SmallFiles, root: bytes, before: Reading | None, *, now: datetime) -> Reading:
    """Verify what is published, and read every manifest.

    Args:
        files: the published files.
        root: the bytes of the root metadata to trust.
        before: the last reading; older files are refused.
        now: UTC; expired metadata is refused.

    Raises:
        VerificationError: a device would not trust it, whatever its product.
        NotPublishedError: a file is missing.
        PublishedFolderError: the files cannot be read.
    """
    for _ in range(_SWAPS_MOST):
        timestamp = files.read_small(TIMESTAMP, METADATA_MOST_BYTES)
        try:
            with TemporaryDirectory(prefix="ota-server-") as cache, _store_errors():
                return _Reader(files, root, Path(cache), now).read(timestamp, before)
        except NotPublishedError:
            # a publisher may have replaced the files, and removed the old ones, underway
            if files.read_small(TIMESTAMP, METADATA_MOST_BYTES) == timestamp:
                raise
    raise PublishedFolderError(f"the published files changed {_SWAPS_MOST} times while they were read")


class _Reader:
    """One reading, with TUF's cache in a folder that is thrown away after it."""

    def __init__(self, files: SmallFiles, root: bytes, cache: Path, now: datetime) -> None:
        self._fetcher = _StoreFetcher(files)
        self._root = root
        self._cache = cache
        self._now = now

    def read(self, timestamp: bytes, before: Reading | None) -> Reading:
        products: dict[str, ProductReading] = {}
        refused: dict[str, VerificationError] = {}
        floors = dict(before.floors) if before else {}
        for product in self._products():
            try:
                trusted = self._refresh(product, floors.get(product, TrustFloor()))
                products[product] = _reading(trusted, self._signatures(product))
            except VerificationError as e:
                refused[product] = e
            else:
                floors[product] = trusted.floor
        return Reading(timestamp, products, refused, floors)

    def _refresh(self, product: str, floor: TrustFloor) -> TrustedRepository:
        return refresh(
            pinned_root=self._root,
            cache_dir=self._cache,
            fetcher=self._fetcher,
            base_url=_BASE_URL,
            product=product,
            now=self._now,
            floor=floor,
        )

    def _signatures(self, product: str) -> Signatures:
        """Whose signatures are under the product's role, which was verified just now."""
        targets = Metadata[Targets].from_file(str(self._cache / "targets.json"))
        role = Metadata[Targets].from_file(str(self._cache / f"{product}.json"))
        result = targets.signed.get_verification_result(product, role.signed_bytes, role.signatures)
        return Signatures(result.threshold, tuple(sorted(result.signed)), tuple(sorted(result.unsigned)))

    def _products(self) -> list[str]:
        """The delegated roles that the snapshot lists; ``refresh`` decides if one is a product's."""
        session = TufSession(
            pinned_root=self._root,
            cache_dir=self._cache,
            fetcher=self._fetcher,
            metadata_url=f"{_BASE_URL}metadata/",
            now=self._now,
        )
        session.refresh()
        listed = session.top_level(Snapshot).meta
        delegations = session.top_level(Targets).delegations
        roles = delegations.roles if delegations else None
        return sorted(role for role in roles or () if f"{role}.json" in listed)


def _reading(trusted: TrustedRepository, signatures: Signatures) -> ProductReading:
    releases = (trusted.release(version) for version in trusted.versions())
    listed = {
        found.manifest.version: CatalogRelease.of(found.manifest, found.sha256) for found in releases
    }
    expiries = trusted.expires_at
    first = min(expiries.values())
    return ProductReading(listed, first, signatures, expiries, trusted.root_version)


class _StoreFetcher:
    """Hands the store's files to the verifier as if they came over the network."""

    def __init__(self, files: SmallFiles) -> None:
        self._files = files

    def get(self, url: str, *, max_bytes: int) -> bytes:
        """Read a whole small file; see ``ota_client.network.fetcher.Fetcher``."""
        try:
            return self._files.read_small(url.removeprefix(_BASE_URL), max_bytes)
        except NotPublishedError as e:
            raise HttpStatusError(str(e), HTTPStatus.NOT_FOUND) from e
        except PublishedFolderError as e:
            raise FetchError(str(e)) from e

    def open_range(self, url: str, *, start: int, stop: int) -> NoReturn:
        """No payload is read here."""
        raise NotImplementedError(url, start, stop)


@contextmanager
def _store_errors() -> Iterator[None]:
    """What the store said, in its own words: to the operator it is no network."""
    try:
        yield
    except FetchError as e:
        if isinstance(e.__cause__, NotPublishedError | PublishedFolderError):
            raise e.__cause__ from None
        raise
