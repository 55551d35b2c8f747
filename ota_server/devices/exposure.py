"""Which devices still run something with a known weakness, such as CVE-2026-1234."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, false, func, or_, select

from ota_client.formats.version import Version
from ota_client.manifest import Advisory
from ota_server.database.schema import devices
from ota_server.devices.device import Device, page
from ota_server.devices.query_fields import parsed_version
from ota_server.errors import NotFoundError
from ota_server.page import Page

if TYPE_CHECKING:
    from ota_server.catalog import Catalog, CatalogRelease


@dataclass(frozen=True, slots=True)
class ExposedVersion:
    """How many devices run a version without the fix; None is not known yet: no check-in so far."""

    product: str
    version: Version | None
    devices: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """How far the fleet is from having mended one weakness.

    Attributes:
        advisory: as the newest release that lists it describes it.
        fixed_in: by product, the releases that mended it.
        versions: what is run without the fix, by product and version.
        devices: how many devices that is.
        of: how many devices these products have.
    """

    advisory: Advisory
    fixed_in: Mapping[str, tuple[Version, ...]]
    versions: tuple[ExposedVersion, ...]
    devices: int
    of: int

    def to_fields(self) -> dict[str, object]:
        """The exposure as JSON fields (docs/reference/ota-server.md)."""
        return {
            "advisory": self.advisory.id,
            "severity": self.advisory.severity.value,
            "summary": self.advisory.summary,
            "fixed_in": {product: list(map(str, found)) for product, found in self.fixed_in.items()},
            "versions": [
                {
                    "product": one.product,
                    "version": None if one.version is None else str(one.version),
                    "devices": one.devices,
                }
                for one in self.versions
            ],
            "devices": self.devices,
            "of": self.of,
        }


class _Fixes:
    """In which releases of one product an advisory is answered."""

    def __init__(self, releases: "tuple[CatalogRelease, ...]", advisory_id: str) -> None:
        self.newest: Advisory | None = None
        self._fixed_in: dict[Version, Version | None] = {}
        for release in releases:
            advisory = next((one for one in release.advisories if one.id == advisory_id), None)
            self.newest = advisory or self.newest
            self._fixed_in[release.version] = advisory.fixed_in if advisory else None

    @property
    def fixed_in(self) -> tuple[Version, ...]:
        return tuple(sorted({fixed for fixed in self._fixed_in.values() if fixed is not None}))

    def has(self, running: Version) -> bool:
        """Whether a release has the fix; in doubt it does not.

        A listed release speaks for itself. For another one (retired, or made in the factory) the next
        release that lists the advisory says from where on it is mended, as it does to the device
        (ADR 0007); if none follows, its list was taken over from the release before it.
        """
        if running in self._fixed_in:
            return self._fixed_in[running] is not None
        for version, fixed in self._fixed_in.items():
            if version > running and fixed is not None:
                return fixed <= running
        before = [fixed for version, fixed in self._fixed_in.items() if version < running]
        return bool(before) and before[-1] is not None


def exposed(connection: Connection, catalog: "Catalog", advisory_id: str) -> Exposure:
    """Count the devices that run something without the fix for an advisory, by version.

    Args:
        connection: for reading.
        catalog: says which releases have the fix.
        advisory_id: such as CVE-2026-1234.

    Raises:
        NotFoundError: no published release lists the advisory; else as ``Catalog.releases``.
    """
    fixes = _fixes(catalog, advisory_id)
    counted = [_count(connection, product, found) for product, found in fixes.items()]
    versions = tuple(one for found, _ in counted for one in found)
    advisories = [found.newest for found in fixes.values() if found.newest is not None]
    return Exposure(
        advisory=advisories[-1],
        fixed_in={product: found.fixed_in for product, found in fixes.items()},
        versions=versions,
        devices=sum(one.devices for one in versions),
        of=sum(total for _, total in counted),
    )


def exposed_devices(
    connection: Connection,
    catalog: "Catalog",
    advisory_id: str,
    *,
    after: str | None = None,
    limit: int = 100,
) -> Page[Device]:
    """A page of these devices, in the order of their ids; raises as ``exposed`` does.

    Raises:
        InvalidError: the limit or the cursor cannot be one.
    """
    exposure = exposed(connection, catalog, advisory_id)
    running, product = devices.c.running_version, devices.c.product
    conditions = [
        (product == one.product)
        & (running.is_(None) if one.version is None else running == str(one.version))
        for one in exposure.versions
    ]
    return page(connection, [or_(false(), *conditions)], after=after, limit=limit)


def _fixes(catalog: "Catalog", advisory_id: str) -> dict[str, _Fixes]:
    """By product, for those that the advisory concerns."""
    found = {name: _Fixes(catalog.releases(name), advisory_id) for name in catalog.products()}
    found = {product: fixes for product, fixes in found.items() if fixes.newest is not None}
    if not found:
        raise NotFoundError(
            f"expected an advisory that a published release lists, got {advisory_id[:80]!r}; "
            "`ota-server release show` has those of a release"
        )
    return found


def _count(connection: Connection, product: str, fixes: _Fixes) -> tuple[list[ExposedVersion], int]:
    """What is run without the fix, the most frequent first, and how many devices there are."""
    number = func.count()
    query = (
        select(devices.c.running_version, number)
        .where(devices.c.product == product)
        .group_by(devices.c.running_version)
        .order_by(number.desc(), devices.c.running_version)
    )
    exposed_versions, total = [], 0
    for text, count in connection.execute(query):
        version = None if text is None else parsed_version(text)
        total += count
        if version is None or not fixes.has(version):
            exposed_versions.append(ExposedVersion(product, version, count))
    return exposed_versions, total
