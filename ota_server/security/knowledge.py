"""What is known of the weaknesses of the versions that run: from our own manifests and from imports.

Nothing here looks at devices: it costs the same for any fleet.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, select

from ota_client.errors import VerificationError
from ota_client.formats.version import Version
from ota_client.manifest import Severity
from ota_server.database.scope import Products, within
from ota_server.database.security_schema import (
    release_components,
    version_counts,
    weakness_matches,
    weaknesses,
)
from ota_server.devices.query_fields import parsed_version
from ota_server.errors import NotPublishedError
from ota_server.security.fixes import Fixes, fixes_of
from ota_server.security.severity import of_word, worst
from ota_server.security.weakness import Source

if TYPE_CHECKING:
    from ota_server.catalog import Catalog, CatalogRelease


class Standing(StrEnum):
    """How a version stands to a weakness, and who says so."""

    # our release engineers list it as mended there: that beats what a component's version suggests
    FIXED = "fixed"
    # they list it as mended in another release
    NOT_FIXED = "not_fixed"
    # the version has a component that an imported document names
    HAS_COMPONENT = "has_component"
    # it has none
    CLEAR = "clear"
    # nobody can tell: the version has no SBOM that could be read
    UNKNOWN = "unknown"

    @property
    def is_exposed(self) -> bool:
        """Whether it counts as weak."""
        return self in {Standing.NOT_FIXED, Standing.HAS_COMPONENT}


@dataclass(frozen=True, slots=True)
class KnownWeakness:
    """A weakness, as all sources together describe it; our own come first.

    Attributes:
        severity: the worst that a source says, unless our own says it.
        action: what the owner should do; empty if nobody says.
        sources: who describes it.
    """

    id: str
    severity: Severity | None
    summary: str
    action: str
    sources: tuple[Source, ...]

    def advisory_fields(self) -> dict[str, object]:
        """What each report on it begins with, as JSON fields (docs/reference/ota-server.md)."""
        return {
            "advisory": self.id,
            "severity": None if self.severity is None else self.severity.value,
            "summary": self.summary,
            "action": self.action,
            "sources": [source.value for source in self.sources],
        }


@dataclass(frozen=True, slots=True)
class _Product:
    """What is known of one product."""

    fixes: Mapping[str, Fixes]
    # by version, then weakness: which components
    matches: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    # versions whose SBOM was read
    read: set[str] = field(default_factory=set)


class Knowledge:
    """All that is known of some products.

    Attributes:
        products: those, by name.
        refused: why a product's releases cannot be believed now: its own advisories are missing.
        weaknesses: by id, those that concern one of the products.
    """

    def __init__(self, catalog: "Catalog", names: tuple[str, ...], only: str | None) -> None:
        self.refused: dict[str, VerificationError] = {}
        self.weaknesses: dict[str, KnownWeakness] = {}
        self.products: dict[str, _Product] = {}
        self._concerned: dict[str, list[str]] = {}
        published = frozenset(published_products(catalog))
        for name in names:
            releases = self._releases(catalog, name) if name in published else ()
            self.products[name] = _Product(fixes_of(releases, only))

    @classmethod
    def of(
        cls, connection: Connection, catalog: "Catalog", *, products: Products, only: str | None = None
    ) -> "Knowledge":
        """Gather what is known.

        Args:
            connection: for reading.
            catalog: the published releases; a product whose metadata is refused is in ``refused``.
            products: of these alone (B10).
            only: of this weakness alone.

        Raises:
            VerificationError: a device would not trust what is published, whatever its product.
            PublishedFolderError: the published files cannot be read.
        """
        column = version_counts.c.product
        counted = connection.scalars(select(column).where(within(column, products)).distinct())
        seen = published_products(catalog)
        published = (name for name in seen if products is None or name in products)
        knowledge = cls(catalog, tuple(sorted({*counted, *published})), only)
        knowledge._read_matches(connection, only)
        knowledge._describe(connection, only)
        return knowledge

    def standing(self, product: str, version: Version | None, weakness_id: str) -> Standing:
        """How a version of a product stands to a weakness; None is what was never heard of."""
        known = self.products[product]
        if fixes := known.fixes.get(weakness_id):
            return Standing.FIXED if version and fixes.has(version) else Standing.NOT_FIXED
        if weakness_id in known.matches.get(str(version), {}):
            return Standing.HAS_COMPONENT
        return Standing.CLEAR if str(version) in known.read else Standing.UNKNOWN

    def components(self, product: str, version: Version | None, weakness_id: str) -> tuple[str, ...]:
        """The components that have the weakness, as package URLs."""
        return tuple(self.products[product].matches.get(str(version), {}).get(weakness_id, ()))

    def contained(self, product: str, version: Version | None) -> tuple[str, ...]:
        """The ids of all weaknesses that a version has."""
        known = self.products[product]
        ids = {*known.fixes, *known.matches.get(str(version), {})}
        return tuple(i for i in sorted(ids) if self.standing(product, version, i).is_exposed)

    def is_read(self, product: str, version: Version | None) -> bool:
        """Whether it is known what a version is made of."""
        return str(version) in self.products[product].read

    def fixed_in(self, weakness_id: str) -> dict[str, tuple[Version, ...]]:
        """By product, the own releases that mended it."""
        found = {name: known.fixes.get(weakness_id) for name, known in self.products.items()}
        return {name: fixes.fixed_in for name, fixes in found.items() if fixes}

    def concerned(self, weakness_id: str) -> tuple[str, ...]:
        """The products of which a release has, or had, the weakness."""
        return tuple(self._concerned.get(weakness_id, ()))

    def _releases(self, catalog: "Catalog", product: str) -> tuple["CatalogRelease", ...]:
        try:
            return catalog.releases(product)
        except VerificationError as e:
            # one product that nobody renews does not hide what is known of the others
            self.refused[product] = e
            return ()

    def _read_matches(self, connection: Connection, only: str | None) -> None:
        column = weakness_matches.c
        for row in connection.execute(_of(weakness_matches.select(), column.weakness_id, only)):
            if known := self.products.get(row.product):
                found = known.matches.setdefault(row.version, {})
                found.setdefault(row.weakness_id, []).append(row.component)
        read = select(release_components.c.product, release_components.c.version)
        for product, version in connection.execute(read.where(release_components.c.refusal == "")):
            if known := self.products.get(product):
                known.read.add(version)

    def _describe(self, connection: Connection, only: str | None) -> None:
        imported: dict[str, list[KnownWeakness]] = {}
        column = weaknesses.c
        # OSV first: a CSAF document's title is often that of a product
        query = select(column.id, column.source, column.severity, column.summary, column.action)
        for row in connection.execute(
            _of(query, column.id, only).order_by(column.source.desc(), column.document)
        ):
            one = KnownWeakness(
                row.id, of_word(row.severity), row.summary, row.action, (Source(row.source),)
            )
            imported.setdefault(row.id, []).append(one)
        for name, known in self.products.items():
            for weakness_id in {*known.fixes, *(i for found in known.matches.values() for i in found)}:
                self._concerned.setdefault(weakness_id, []).append(name)
        for weakness_id in sorted(self._concerned):
            told = [*self._own(weakness_id), *imported.get(weakness_id, ())]
            self.weaknesses[weakness_id] = together(told)

    def _own(self, weakness_id: str) -> Iterator[KnownWeakness]:
        for known in self.products.values():
            fixes = known.fixes.get(weakness_id)
            if fixes:
                a = fixes.newest
                yield KnownWeakness(a.id, a.severity, a.summary, a.action, (Source.SIGNED,))


def together(told: list[KnownWeakness]) -> KnownWeakness:
    """One description out of several; what our own manifests say comes first."""
    own = [one for one in told if Source.SIGNED in one.sources] or told
    return KnownWeakness(
        id=told[0].id,
        severity=worst(one.severity for one in own),
        summary=next((one.summary for one in told if one.summary), ""),
        action=next((one.action for one in told if one.action), ""),
        sources=tuple(dict.fromkeys(source for one in told for source in one.sources)),
    )


def version_of(text: str) -> Version | None:
    """The version of a counter's row; None is what was never heard of."""
    return parsed_version(text) if text else None


def published_products(catalog: "Catalog") -> tuple[str, ...]:
    """The products that have a role; none before the first publication."""
    try:
        return catalog.products()
    except NotPublishedError:
        return ()


def _of(query: Select[Any], column: ColumnElement[str], only: str | None) -> Select[Any]:
    return query if only is None else query.where(column == only)
