"""Before anything is public: act as devices do, with the devices' own verifier (A24)."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tuf.api.metadata import Targets

from ota_client import metadata_checks
from ota_client.errors import OtaError
from ota_client.network.directory import DirectoryFetcher
from ota_client.rollback import RoleFloor, TrustFloor, check_not_older
from ota_client.trust import TrustedRepository, TufSession, refresh
from signing.errors import GateError
from signing.publication.candidate import Candidate
from signing.storage import metadata
from signing.storage.catalog import Catalog, read_catalog
from signing.storage.published import PublishedState


def act_as_devices(
    tree: Path, candidate: Candidate, published: PublishedState | None, *, now: datetime
) -> None:
    """Refresh as a new device, as one with the newest root, and as one at the previous state.

    Raises:
        GateError: one of them would refuse the candidate.
    """
    first = (tree / "metadata" / "1.root.json").read_bytes()
    newest = (tree / "metadata" / f"{candidate.versions['root']}.root.json").read_bytes()
    gate = _Gate(tree, candidate, published, now)
    gate.try_device("a new device with the first root", first)
    if newest != first:
        gate.try_device("a new device with the newest root", newest)
    if published is not None:
        gate.try_device("a device at the previous state", first, at=published)


class _Gate:
    def __init__(
        self, tree: Path, candidate: Candidate, published: PublishedState | None, now: datetime
    ) -> None:
        self._fetcher = DirectoryFetcher(tree)
        self._now = now
        self._offered = {
            product: read_catalog(product, targets) for product, targets in candidate.products.items()
        }
        self._before = {product: _catalog_before(published, product) for product in self._offered}

    def try_device(self, device: str, root: bytes, *, at: PublishedState | None = None) -> None:
        try:
            if not self._offered:
                self._refresh_top_level(root)
            for product in self._offered:
                self._try_product(product, root, at)
        except OtaError as e:
            raise GateError(f"nothing was published: {device} would refuse it: {e}") from e

    def _refresh_top_level(self, root: bytes) -> None:
        with TemporaryDirectory() as cache:
            TufSession(
                pinned_root=root,
                cache_dir=Path(cache),
                fetcher=self._fetcher,
                metadata_url=f"{self._fetcher.base_url}metadata/",
                now=self._now,
            ).refresh()

    def _try_product(self, product: str, root: bytes, at: PublishedState | None) -> None:
        with TemporaryDirectory() as cache:
            if at is not None:
                _fill_cache(Path(cache), at, product)
            trusted = refresh(
                pinned_root=root,
                cache_dir=Path(cache),
                fetcher=self._fetcher,
                base_url=self._fetcher.base_url,
                product=product,
                now=self._now,
                floor=_floor(at, product) if at else TrustFloor(),
            )
            _try_releases(trusted, self._offered[product], self._before[product])


def _try_releases(trusted: TrustedRepository, offered: Catalog, before: Catalog) -> None:
    """Open what is new: releases, and what devices of a channel are offered instead of the old."""
    for channel in offered.channels:
        manifest = trusted.channel(channel).manifest
        if channel in before.channels:
            old = before.find(before.channels[channel])
            check_not_older(manifest, booted=old.version, stored_index=old.rollback_index)
    known = {release.version for release in before.releases}
    for release in offered.releases:
        if release.version not in known:
            trusted.release(release.version)


def _floor(published: PublishedState, product: str) -> TrustFloor:
    """What a device remembers that has seen the previous state."""
    targets = published.load("targets", Targets)
    roles = published.root.signed.roles
    key_ids = {name: role.keyids for name, role in roles.items()}
    if targets is not None:
        key_ids |= {name: role.keyids for name, role in metadata.delegated(targets.signed).items()}
    floors = {
        role: RoleFloor(version, tuple(sorted(key_ids[role])))
        for role, version in published.versions.items()
        if role == product or role in metadata.TOP_LEVEL_ROLES
    }
    return TrustFloor(floors, metadata_checks.signed_at(published.timestamp.signed))


def _fill_cache(cache: Path, published: PublishedState, product: str) -> None:
    """What lies in TUF's cache of such a device; its expiry does not matter for rollback checks."""
    roles = [
        role for role in ("timestamp", "snapshot", "targets", product) if role in published.versions
    ]
    for role in roles:
        (cache / f"{role}.json").write_bytes(published.raw(role))


def _catalog_before(published: PublishedState | None, product: str) -> Catalog:
    found = published.load(product, Targets) if published else None
    return read_catalog(product, found.signed if found else Targets())
