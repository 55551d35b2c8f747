"""Which versions and devices still have a weakness, such as CVE-2026-1234."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from ota_client.formats.version import Version
from ota_client.manifest import Severity
from ota_server.database.scope import Products, within
from ota_server.database.security_schema import version_counts
from ota_server.devices import device_list
from ota_server.devices.device import Device
from ota_server.errors import NotFoundError
from ota_server.page import Page
from ota_server.security.knowledge import Knowledge, KnownWeakness, Standing, version_of
from ota_server.security.severity import rank
from ota_server.security.weakness import Source

if TYPE_CHECKING:
    from ota_server.catalog import Catalog


@dataclass(frozen=True, slots=True)
class ExposedVersion:
    """How many devices run a version with the weakness; None is not known yet: no check-in so far.

    Attributes:
        standing: why it counts.
        components: those that have it, as package URLs; empty if our own release engineers say it.
    """

    product: str
    version: Version | None
    devices: int
    standing: Standing
    components: tuple[str, ...] = ()

    def to_fields(self) -> dict[str, object]:
        """The version as JSON fields (docs/reference/ota-server.md)."""
        return {
            "product": self.product,
            "version": None if self.version is None else str(self.version),
            "devices": self.devices,
            "why": self.standing.value,
            "components": list(self.components),
        }


@dataclass(frozen=True, slots=True)
class Exposure:
    """How far the fleet is from having mended one weakness.

    Attributes:
        weakness: what it is.
        fixed_in: by product, the own releases that mended it.
        versions: what is run with it, by product, the most frequent first.
        devices: how many devices that is.
        unknown: how many run what nobody can tell of: their version has no SBOM that could be read.
        of: how many devices there are that one can tell of, and those.
    """

    weakness: KnownWeakness
    fixed_in: Mapping[str, tuple[Version, ...]]
    versions: tuple[ExposedVersion, ...]
    devices: int
    unknown: int
    of: int

    def to_fields(self) -> dict[str, object]:
        """The exposure as JSON fields (docs/reference/ota-server.md)."""
        return {
            **self.weakness.advisory_fields(),
            "fixed_in": {product: list(map(str, found)) for product, found in self.fixed_in.items()},
            "versions": [one.to_fields() for one in self.versions],
            "devices": self.devices,
            "unknown": self.unknown,
            "of": self.of,
        }


@dataclass(frozen=True, slots=True)
class RunningVersion:
    """What a version that runs somewhere still contains.

    Attributes:
        version: None is not known yet: no check-in so far.
        weaknesses: the worst first.
        is_read: it is known what the version is made of.
    """

    product: str
    version: Version | None
    devices: int
    weaknesses: tuple[KnownWeakness, ...]
    is_read: bool

    @property
    def severity(self) -> Severity | None:
        """Of the worst one."""
        return self.weaknesses[0].severity if self.weaknesses else None


def exposed(
    connection: Connection, catalog: "Catalog", weakness_id: str, *, products: Products
) -> Exposure:
    """Count the devices that run something with a weakness, by version, from counters alone.

    Args:
        connection: for reading.
        catalog: says which releases have the fix.
        weakness_id: such as CVE-2026-1234.
        products: in these alone (B10).

    Raises:
        NotFoundError: no published release lists it, and no release has a component with it.
        VerificationError: the same, where a product's releases cannot be believed now.
        PublishedFolderError: the published files cannot be read.
    """
    knowledge = Knowledge.of(connection, catalog, products=products, only=weakness_id)
    return exposure_of(knowledge, find(knowledge, weakness_id), running(connection, products))


def exposure_of(
    knowledge: Knowledge, weakness: KnownWeakness, counted: Iterable[tuple[str, Version | None, int]]
) -> Exposure:
    """The same, of what is known and was counted already."""
    versions: list[ExposedVersion] = []
    unknown = of = 0
    for product, version, number in counted:
        standing = standing_of(knowledge, weakness, product, version)
        if standing is None:
            continue
        of += number
        if standing is Standing.UNKNOWN:
            unknown += number
        elif standing.is_exposed:
            components = knowledge.components(product, version, weakness.id)
            versions.append(ExposedVersion(product, version, number, standing, components))
    return Exposure(
        weakness=weakness,
        fixed_in=knowledge.fixed_in(weakness.id),
        versions=tuple(versions),
        devices=sum(one.devices for one in versions),
        unknown=unknown,
        of=of,
    )


def exposed_devices(
    connection: Connection,
    catalog: "Catalog",
    weakness_id: str,
    *,
    products: Products,
    after: str | None = None,
    limit: int = 100,
) -> Page[Device]:
    """A page of these devices, in the order of their ids; raises as ``exposed`` does.

    Raises:
        InvalidError: the limit or the cursor cannot be one.
    """
    exposure = exposed(connection, catalog, weakness_id, products=products)
    versions = [(one.product, one.version) for one in exposure.versions]
    return device_list.running(
        connection, versions, products=products, total=exposure.devices, after=after, limit=limit
    )


def by_version(
    connection: Connection, catalog: "Catalog", *, products: Products
) -> tuple[RunningVersion, ...]:
    """What each version that runs somewhere still contains; by product, the most frequent first.

    Raises:
        VerificationError, PublishedFolderError: as ``exposed``.
    """
    knowledge = Knowledge.of(connection, catalog, products=products)
    return tuple(
        RunningVersion(
            product,
            version,
            number,
            worst_first(knowledge, knowledge.contained(product, version)),
            knowledge.is_read(product, version),
        )
        for product, version, number in running(connection, products)
    )


def find(knowledge: Knowledge, weakness_id: str) -> KnownWeakness:
    """What is known of a weakness; raises as ``exposed`` does."""
    found = knowledge.weaknesses.get(weakness_id)
    if found is not None:
        return found
    for refusal in knowledge.refused.values():
        raise refusal
    raise NotFoundError(
        f"expected an advisory that a published release lists or whose component one has, got "
        f"{weakness_id[:80]!r}; `ota-server advisory list` has all"
    )


def standing_of(
    knowledge: Knowledge, weakness: KnownWeakness, product: str, version: Version | None
) -> Standing | None:
    """How a version stands to a weakness; None where it is no business of the product's.

    What only our own manifests speak of concerns the products that list it; what was imported may
    concern any product that nobody can tell of.
    """
    standing = knowledge.standing(product, version, weakness.id)
    if product in knowledge.concerned(weakness.id):
        return standing
    imported = weakness.sources != (Source.SIGNED,)
    return standing if imported and standing is Standing.UNKNOWN else None


def running(connection: Connection, products: Products) -> list[tuple[str, Version | None, int]]:
    """How many devices run what, by product, the most frequent first."""
    column = version_counts.c
    query = select(column.product, column.version, column.devices)
    query = query.where(within(column.product, products), column.devices > 0)
    rows = connection.execute(query.order_by(column.product, column.devices.desc(), column.version))
    return [(row.product, version_of(row.version), row.devices) for row in rows]


def worst_of(knowledge: Knowledge, product: str, version: Version | None) -> Severity | None:
    """The severity of a version's worst known weakness."""
    found = worst_first(knowledge, knowledge.contained(product, version))
    return found[0].severity if found else None


def worst_first(knowledge: Knowledge, ids: tuple[str, ...]) -> tuple[KnownWeakness, ...]:
    """Weaknesses by their ids."""
    found = (knowledge.weaknesses[weakness_id] for weakness_id in ids)
    return tuple(sorted(found, key=lambda one: (-rank(one.severity), one.id)))
