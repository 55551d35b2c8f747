"""Published releases, as people look at them; `ota-sign` makes them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from ota_client.errors import VerificationError
from ota_client.formats.version import Version
from ota_client.manifest import Advisory
from ota_server.catalog import CatalogRelease, Signatures
from ota_server.devices import version_counts
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role


@dataclass(frozen=True, slots=True)
class ListedRelease:
    """A release in a list.

    Attributes:
        devices: how many run it.
    """

    release: CatalogRelease
    devices: int


@dataclass(frozen=True, slots=True)
class ReleaseDetails:
    """All that is known of a release, but for what it is made of (``operations/security.py``).

    Attributes:
        before: the version of the release before it; None for the first.
        fixes: the advisories that this release mends and the one before it does not.
        signatures: whose keys vouch for the product's releases.
        devices: how many run it.
        of: how many devices the product has.
    """

    release: CatalogRelease
    before: Version | None
    fixes: tuple[Advisory, ...]
    signatures: Signatures
    devices: int
    of: int

    def to_fields(self) -> dict[str, object]:
        """The release as JSON fields (docs/reference/ota-server.md)."""
        sbom = self.release.sbom
        return {
            **self.release.to_fields(),
            "slots": list(self.release.slots),
            "sbom": None if sbom is None else asdict(sbom),
            "before": None if self.before is None else str(self.before),
            "fixes": [advisory.to_fields() for advisory in self.fixes],
            "signatures": asdict(self.signatures),
            "devices": self.devices,
            "of": self.of,
        }


def listed(desk: Desk, *, product: str | None = None) -> tuple[ListedRelease, ...]:
    """The releases that the actor sees, by product, the newest first.

    Args:
        desk: who asks.
        product: of this one only; without it a product that devices refuse is left out.

    Raises:
        NotFoundError: there is no such product, or the actor does not see it.
        VerificationError: a device would not trust what is published.
        NotPublishedError: nothing is published.
        PublishedFolderError: the published files cannot be read.
    """
    if product is None:
        found = tuple(_believed(desk))
    else:
        desk.need(Role.VIEWER, product)
        found = ((product, desk.catalog.releases(product)),)
    counted = version_counts.counted(desk.connection, product, products=desk.products)
    return tuple(
        ListedRelease(release, counted.get((name, str(release.version)), 0))
        for name, releases in found
        for release in reversed(releases)
    )


def find(desk: Desk, product: str, version: Version) -> ReleaseDetails:
    """One release.

    Raises:
        NotFoundError: there is none, or the actor does not see the product; else as ``listed``.
    """
    desk.need(Role.VIEWER, product)
    found = desk.catalog.release(product, version)
    before = max(
        (r for r in desk.catalog.releases(product) if r.version < version), default=None, key=_version
    )
    known = {(a.id, a.fixed_in) for a in before.advisories} if before else set()
    counted = version_counts.counted(desk.connection, product, products=desk.products)
    return ReleaseDetails(
        release=found,
        before=before.version if before else None,
        fixes=tuple(a for a in found.advisories if (a.id, a.fixed_in) not in known),
        signatures=desk.catalog.signatures(product),
        devices=counted.get((product, str(version)), 0),
        of=sum(counted.values()),
    )


def _believed(desk: Desk) -> Iterator[tuple[str, tuple[CatalogRelease, ...]]]:
    """The releases of each product that the actor sees; one that is refused does not hide the others."""
    refusal: VerificationError | None = None
    found = 0
    for name in filter(desk.sees, desk.catalog.products()):
        try:
            releases = desk.catalog.releases(name)
        except VerificationError as e:
            refusal = e
        else:
            found += 1
            yield name, releases
    if refusal is not None and not found:
        raise refusal


def _version(release: CatalogRelease) -> Version:
    return release.version
