"""Look at a published repository as a new device does; with ``deep``, at every byte of it."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tuf.api.metadata import Snapshot, Targets, Timestamp

from ota_client.errors import PayloadError
from ota_client.formats.version import Version
from ota_client.manifest import Image
from ota_client.network.directory import DirectoryFetcher
from ota_client.network.fetcher import Fetcher
from ota_client.payload import INDEX_MOST_BYTES, Index, contents
from ota_client.release import VerifiedImage, VerifiedRelease
from ota_client.rollback import TrustFloor
from ota_client.trust import TrustedRepository, refresh
from signing.payload_encoder import Progress
from signing.storage import metadata
from signing.storage.catalog import Catalog, read_catalog
from signing.verity import TreeCheck

_METADATA_MOST_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class ProductReport:
    """What a new device finds of one product.

    Attributes:
        expires_at: when the first of its roles expires, UTC.
        payload_bytes: that were fetched, decoded and hashed; 0 unless it was asked for.
    """

    product: str
    root_version: int
    releases: tuple[Version, ...]
    channels: dict[str, Version]
    expires_at: datetime
    payload_bytes: int


@contextmanager
def open_location(
    location: str, *, ca_file: Path | None = None, insecure_http: bool = False
) -> Iterator[tuple[Fetcher, str]]:
    """A fetcher for a folder or a URL, and the repository's base URL.

    Raises:
        ConfigError: the certificate authority cannot be read.
    """
    if "://" not in location:
        directory = DirectoryFetcher(Path(location))
        yield directory, directory.base_url
        return
    from ota_client.fetch import HttpFetcher  # noqa: PLC0415 (a folder needs no HTTP)
    from ota_client.network.settings import HttpSettings  # noqa: PLC0415 (as above)

    settings = HttpSettings(ca_file=ca_file, insecure_http=insecure_http)
    with HttpFetcher(settings) as fetcher:
        yield fetcher, f"{location.rstrip('/')}/"


def verify_repository(
    fetcher: Fetcher,
    base_url: str,
    *,
    pinned_root: bytes,
    now: datetime,
    deep: bool = False,
    progress: Progress | None = None,
) -> list[ProductReport]:
    """Verify every product as a new device with ``pinned_root`` does.

    Raises:
        FetchError: the network failed, or a file is missing.
        VerificationError: a device would not trust it.
    """
    reports = []
    for product in _product_names(fetcher, base_url):
        with TemporaryDirectory() as cache:
            trusted = refresh(
                pinned_root=pinned_root,
                cache_dir=Path(cache),
                fetcher=fetcher,
                base_url=base_url,
                product=product,
                now=now,
                floor=TrustFloor(),
            )
            # what refresh() has just verified and stored
            targets = metadata.read(Path(cache) / f"{product}.json", Targets).signed
            catalog = read_catalog(product, targets)
            releases = _releases(trusted, catalog)
            payload_bytes = _verify_payloads(fetcher, base_url, releases, progress) if deep else 0
        reports.append(
            ProductReport(
                product,
                trusted.root_version,
                tuple(release.manifest.version for release in releases),
                catalog.channels,
                min(trusted.expires_at.values()),
                payload_bytes,
            )
        )
    return reports


def _product_names(fetcher: Fetcher, base_url: str) -> list[str]:
    """The products to look for; whether they are genuine, ``refresh`` decides."""
    folder = f"{base_url}metadata/"
    data = fetcher.get(f"{folder}timestamp.json", max_bytes=_METADATA_MOST_BYTES)
    version = metadata.parse(data, Timestamp, "timestamp.json").signed.snapshot_meta.version
    data = fetcher.get(f"{folder}{version}.snapshot.json", max_bytes=_METADATA_MOST_BYTES)
    return metadata.product_names(metadata.parse(data, Snapshot, "snapshot.json").signed)


def _releases(trusted: TrustedRepository, catalog: Catalog) -> list[VerifiedRelease]:
    for channel in catalog.channels:
        trusted.channel(channel)
    return [trusted.release(release.version) for release in catalog.releases]


def _verify_payloads(
    fetcher: Fetcher, base_url: str, releases: list[VerifiedRelease], progress: Progress | None
) -> int:
    total = sum(image.data.size_bytes for release in releases for image in release.images)
    done = 0
    for release in releases:
        for image in release.images:
            verify_payload(fetcher, base_url, release, image)
            done += image.data.size_bytes
            if progress is not None:
                progress(done, total)
    return done


def verify_payload(
    fetcher: Fetcher, base_url: str, release: VerifiedRelease, image: VerifiedImage
) -> None:
    """Fetch, decode and hash a payload, region by region.

    Raises:
        FetchError: the network failed.
        PayloadError: it is not what the manifest says.
    """
    index = Index.from_bytes(image.index.fetch(fetcher, base_url, max_bytes=INDEX_MOST_BYTES))
    described = next(i for i in release.manifest.images if i.slot == image.slot)
    if not index.data_bytes:
        check_content(described, index, lambda _: b"")
        return
    with fetcher.open_range(image.data.url(base_url), start=0, stop=index.data_bytes) as body:
        check_content(described, index, body.read)


def check_content(image: Image, index: Index, read: Callable[[int], bytes]) -> None:
    """Decode an image and compare it with what its manifest says, its hash tree included.

    Raises:
        PayloadError: it is another.
    """
    whole = hashlib.sha256()
    with closing(TreeCheck(image.slot, image.verity)) if image.verity else nullcontext() as tree:
        for content in contents(index, read):
            whole.update(content)
            if tree is not None:
                tree.add(content)
    if whole.hexdigest() != image.sha256:
        raise PayloadError(
            f"image {image.slot}: expected sha256 {image.sha256}, got {whole.hexdigest()}"
        )
