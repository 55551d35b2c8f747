"""Pinned root -> TUF -> verified release. The signature is checked here, and nowhere else.

python-tuf does the TUF client workflow (specification, section 5.3). What it leaves open for firmware
is closed after each refresh by ``metadata_checks.py``: metadata older than the trust floor, expiry by a
clock that was set back, one public key under two ids, weak hashes, a root chain cut short.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from ota_client import metadata_checks as checks
from ota_client.errors import (
    ExpiredError,
    FetchError,
    HttpStatusError,
    ManifestError,
    MetadataError,
    MetadataRollbackError,
    ResponseTooLongError,
    StorageError,
    UnknownReleaseError,
    WeakHashError,
)
from ota_client.formats.strict import is_name
from ota_client.formats.version import Version
from ota_client.manifest import MAX_BYTES, Image, ReleaseManifest
from ota_client.network.fetcher import Fetcher
from ota_client.release import VerifiedFile, VerifiedImage, VerifiedRelease
from ota_client.rollback import TrustFloor

MANIFEST_CACHE: Final = "offered.manifest"

S = TypeVar("S", bound=Signed)


class TufSession:
    """One refresh of TUF metadata: python-tuf's ``Updater`` over our fetcher, with our errors.

    An ``Updater`` refreshes once in its life, so each check makes a new session. It always starts from
    the pinned root: a damaged or wiped cache heals itself.

    Args:
        pinned_root: the bytes of the root metadata that the firmware carries.
        cache_dir: TUF's cache; may be lost or hostile at any time.
        fetcher: the network.
        metadata_url: of the repository's ``metadata/``.
        now: the time by which metadata expires.
        max_delegations: how many delegated roles a search may visit.
    """

    def __init__(
        self,
        *,
        pinned_root: bytes,
        cache_dir: Path,
        fetcher: Fetcher,
        metadata_url: str,
        now: datetime,
        max_delegations: int = 32,
    ) -> None:
        self._pinned_root = pinned_root
        with _our_errors("pinned root"):
            cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_links(cache_dir)
            self._cache_dir = cache_dir
            self._updater = Updater(
                str(cache_dir),
                metadata_url,
                fetcher=_TufFetcher(fetcher),
                config=UpdaterConfig(
                    max_root_rotations=checks.ROOT_CHAIN_MOST, max_delegations=max_delegations
                ),
                bootstrap=pinned_root,
            )
        # python-tuf 7 reads the clock itself and has no argument for it: its one handle is private, so
        # tests/trust holds that it is there (docs/adr/0005)
        self._updater._trusted_set.reference_time = now  # noqa: SLF001

    def refresh(self) -> None:
        """Bring root, timestamp, snapshot and targets up to date.

        Raises:
            FetchError: the network failed.
            VerificationError: the metadata is not to be trusted.
            StorageError: the cache cannot be written.
        """
        try:
            with _our_errors():
                self._updater.refresh()
        finally:
            # after an error too: a chain cut short ends in an expired root, or one of other keys (A25)
            checks.check_root_chain(self._pinned_root, self.top_level(Root))

    def target(self, path: str) -> TargetFile | None:
        """Look a target up, loading the delegated roles on the way to it."""
        with _our_errors():
            return self._updater.get_targetinfo(path)

    def top_level(self, kind: type[S]) -> S:
        """The content of a top-level role as this session has verified and stored it."""
        content: Signed = self.stored(kind.type).signed
        if not isinstance(content, kind):
            raise MetadataError(f"expected {kind.type} metadata, got {content.type}")
        return content

    def stored(self, role: str) -> Metadata[Targets]:
        """The metadata of a role as it lies in the cache; a delegated one is still to be verified."""
        with _our_errors():
            return Metadata[Targets].from_bytes((self._cache_dir / f"{role}.json").read_bytes())


@dataclass(frozen=True, slots=True)
class TrustedRepository:
    """A repository's metadata, verified now, for one product.

    Attributes:
        floor: what the device must remember before it acts on this.
        root_version: of the root that is trusted now.
        expires_at: by role, UTC.
    """

    product: str
    floor: TrustFloor
    root_version: int
    expires_at: dict[str, datetime]
    _targets: dict[str, TargetFile]
    _prefixed: bool
    _base_url: str
    _fetcher: Fetcher
    _cache_dir: Path

    def versions(self) -> tuple[Version, ...]:
        """The versions that the product's role lists, oldest first."""
        found = set()
        for path in self._targets:
            _, version, file = path.split("/")
            if file == "manifest.json":
                found.add(Version.parse(version))
        return tuple(sorted(found))

    def channel(self, name: str) -> VerifiedRelease:
        """The release that is on a channel now.

        Raises:
            UnknownReleaseError: the product has no such channel.
            ManifestError: the manifest disagrees with the metadata that lists it.
            FetchError: the manifest could not be fetched.
        """
        _check_name("channel", name)
        release = self._verify_release(f"{self.product}/channels/{name}.json")
        manifest = release.manifest
        listed = self._file(f"{self.product}/{manifest.version}/manifest.json")
        if listed.sha256 != release.sha256:
            raise ManifestError(
                f"channel {name}: expected the manifest of release {manifest.version}, got another one"
            )
        return release

    def release(self, version: Version) -> VerifiedRelease:
        """One release by its version; raises as ``channel`` does."""
        release = self._verify_release(f"{self.product}/{version}/manifest.json")
        if release.manifest.version != version:
            raise ManifestError(f"expected release {version}, got {release.manifest.version}")
        return release

    def _verify_release(self, path: str) -> VerifiedRelease:
        file = self._file(path)
        manifest = ReleaseManifest.from_bytes(self._read_manifest(file))
        if manifest.product != self.product:
            # the product's own key claims another product's devices (A22)
            raise ManifestError(f"{path}: expected product {self.product}, got {manifest.product}")
        images = tuple(self._image(manifest, image) for image in manifest.images)
        return VerifiedRelease(manifest, file.sha256, images)

    def _image(self, manifest: ReleaseManifest, image: Image) -> VerifiedImage:
        stem = f"{manifest.product}/{manifest.version}/{image.slot}"
        index, data = self._file(f"{stem}.index"), self._file(f"{stem}.data")
        expected = image.payload
        listed = (index.size_bytes, index.sha256, data.size_bytes)
        if listed != (expected.index_bytes, expected.index_sha256, expected.data_bytes):
            raise ManifestError(
                f"image {image.slot}: the manifest and the metadata name different payloads"
            )
        return VerifiedImage(image.slot, index, data)

    def _file(self, path: str) -> VerifiedFile:
        target = self._targets.get(path)
        if target is None:
            raise UnknownReleaseError(f"expected {path} in the signed metadata, got no such entry")
        sha256 = target.hashes.get("sha256")
        if sha256 is None:
            raise WeakHashError(f"{path}: expected a sha256, got {', '.join(target.hashes)}")
        folder, _, name = path.rpartition("/")
        path = f"{folder}/{sha256}.{name}" if self._prefixed else path
        return VerifiedFile(path, target.length, sha256)

    def _read_manifest(self, file: VerifiedFile) -> bytes:
        """Read the manifest, from the cache if it can: nothing new, no third request."""
        cached = self._cache_dir / MANIFEST_CACHE
        with suppress(OSError):
            data = cached.read_bytes()
            if hashlib.sha256(data).hexdigest() == file.sha256:
                return data
        data = file.fetch(self._fetcher, self._base_url, max_bytes=MAX_BYTES)
        with suppress(OSError):
            fresh = cached.with_suffix(".new")
            fresh.unlink(missing_ok=True)  # a planted link would be written through (D09)
            fresh.write_bytes(data)
            fresh.replace(cached)
        return data


def refresh(
    *,
    pinned_root: bytes,
    cache_dir: Path,
    fetcher: Fetcher,
    base_url: str,
    product: str,
    now: datetime,
    floor: TrustFloor,
) -> TrustedRepository:
    """Bring the metadata of one product up to date and decide whether to trust it.

    Args:
        pinned_root: the bytes of the root metadata that the firmware carries.
        cache_dir: TUF's cache; may be lost or hostile at any time.
        fetcher: the network.
        base_url: holds ``metadata/`` and ``targets/``; ends in ``/``.
        product: the device's product, and the name of its role.
        now: the device's clock; it may be years off.
        floor: what this device has already trusted.

    Raises:
        FetchError: the network failed; nothing was decided.
        VerificationError: the metadata is not to be trusted.
        StorageError: the cache cannot be written.
    """
    # 1. TUF: every root of the chain (A25), timestamp, snapshot, targets, then the product's role
    session = TufSession(
        pinned_root=pinned_root,
        cache_dir=cache_dir,
        fetcher=fetcher,
        metadata_url=f"{base_url}metadata/",
        now=now,
        max_delegations=1,  # the product's role, and none of those that it may delegate to (A26)
    )
    session.refresh()
    root = session.top_level(Root)
    timestamp = session.top_level(Timestamp)
    snapshot = session.top_level(Snapshot)
    targets = session.top_level(Targets)
    # 2. the product's role speaks for the product, and no other does (A21, A22)
    releases = _product_role(session, product, targets, snapshot)
    # 3. no key counts twice (A04), no hash is weak (A30)
    checks.check_keys(root, targets, product)
    checks.check_hashes(timestamp, snapshot)
    # 4. nothing is older than what was trusted before (A06, A07)
    signed_at = checks.signed_at(timestamp)
    signed: dict[str, Signed] = {
        "root": root,
        "timestamp": timestamp,
        "snapshot": snapshot,
        "targets": targets,
        product: releases,
    }
    seen = TrustFloor(checks.role_floors(signed, root, targets, product), signed_at)
    new_floor = floor.raised_to(seen)
    # 5. nothing has expired, by the later of the clock and the newest signed time (A08, A09)
    expires_at = {role: metadata.expires for role, metadata in signed.items()}
    checks.check_expiry(expires_at, max(now, signed_at))
    return TrustedRepository(
        product,
        new_floor,
        root.version,
        expires_at,
        checks.own_targets(product, releases),
        bool(root.consistent_snapshot),
        base_url,
        fetcher,
        cache_dir,
    )


def _product_role(session: TufSession, product: str, targets: Targets, snapshot: Snapshot) -> Targets:
    _check_name("product", product)
    session.target(checks.check_delegation(targets, product))
    content: Signed = session.stored(product).signed
    listed = snapshot.meta.get(f"{product}.json")
    if not isinstance(content, Targets) or listed is None or content.version != listed.version:
        raise MetadataError(f"role {product}: expected the targets metadata that the snapshot lists")
    return content


def _refuse_links(cache_dir: Path) -> None:
    # python-tuf replaces links among its files, but writes below a link in place of a folder (D09)
    for folder in (cache_dir, cache_dir / "root_history"):
        if folder.is_symlink():
            raise StorageError(f"{folder}: expected TUF's cache itself, got a link; remove it")


def _check_name(what: str, name: str) -> None:
    if not is_name(name):
        raise UnknownReleaseError(f"expected a {what} name, got {name[:80]!r}")


class _TufFetcher(FetcherInterface):
    """Hands python-tuf's requests to our fetcher, without the temporary file of its default."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError(url)

    def download_bytes(self, url: str, max_length: int) -> bytes:
        try:
            return self._fetcher.get(url, max_bytes=min(max_length, checks.METADATA_MOST_BYTES))
        except HttpStatusError as e:
            raise DownloadHTTPError(str(e), e.status) from e
        except ResponseTooLongError as e:
            raise DownloadLengthMismatchError(str(e)) from e
        except FetchError as e:
            raise DownloadError(str(e)) from e


@contextmanager
def _our_errors(what: str = "metadata") -> Iterator[None]:
    try:
        yield
    except (DownloadError, RepositoryError, OSError, ValueError) as e:
        _translate(e, what)


def _translate(e: Exception, what: str) -> NoReturn:
    match e:
        case DownloadError():
            if isinstance(e.__cause__, FetchError):
                raise e.__cause__
            raise FetchError(str(e)) from e
        case ExpiredMetadataError():
            raise ExpiredError(f"{e}; the mirror is frozen, or nobody refreshes the repository") from e
        case BadVersionNumberError():
            raise MetadataRollbackError(f"{e}; an old repository is being replayed") from e
        case OSError():
            raise StorageError(f"TUF cache: {e.strerror or e} ({e.filename})") from e
        case _:
            raise MetadataError(f"{what}: {e}") from e
