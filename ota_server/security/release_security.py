"""What a release means for security: what it mends, brings in, and still contains."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from ota_client.formats.version import Version
from ota_server.security.contents import refusal
from ota_server.security.exposure import worst_first
from ota_server.security.knowledge import Knowledge, KnownWeakness, Standing

if TYPE_CHECKING:
    from ota_server.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Contained:
    """A weakness that a release has.

    Attributes:
        standing: who says so.
        components: those that have it, as package URLs; empty if our own release engineers say it.
    """

    weakness: KnownWeakness
    standing: Standing
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleaseSecurity:
    """One release; all lists have the worst first.

    Attributes:
        before: the release before it; None if it is the first.
        fixes: what that one has and this one has not.
        brings_in: what this one has and that one has not; empty if nobody can tell of that one.
        contains: what it has.
        declared: what has a component with it, and our own release engineers say is mended all the same.
        is_read: it is known what it is made of.
        refusal: why its SBOM cannot be read; empty if it can, or there is none.
    """

    product: str
    version: Version
    before: Version | None
    fixes: tuple[KnownWeakness, ...]
    brings_in: tuple[KnownWeakness, ...]
    contains: tuple[Contained, ...]
    declared: tuple[KnownWeakness, ...]
    is_read: bool
    refusal: str


def of_release(
    connection: Connection, catalog: "Catalog", product: str, version: Version
) -> ReleaseSecurity:
    """Look at one release.

    Raises:
        NotFoundError: there is no such release.
        VerificationError: a device would not trust what is published.
        PublishedFolderError: the published files cannot be read.
    """
    catalog.release(product, version)
    knowledge = Knowledge.of(connection, catalog, products=frozenset({product}))
    before = _before(catalog, product, version)
    has = frozenset(knowledge.contained(product, version))
    had = frozenset(knowledge.contained(product, before)) if before else frozenset[str]()
    comparable = before is not None and (
        knowledge.is_read(product, before) or not knowledge.is_read(product, version)
    )
    return ReleaseSecurity(
        product=product,
        version=version,
        before=before,
        fixes=worst_first(knowledge, tuple(_gone(knowledge, product, version, had - has))),
        brings_in=worst_first(knowledge, tuple(has - had if comparable else ())),
        contains=tuple(
            Contained(
                one,
                knowledge.standing(product, version, one.id),
                knowledge.components(product, version, one.id),
            )
            for one in worst_first(knowledge, tuple(has))
        ),
        declared=worst_first(knowledge, _declared(knowledge, product, version)),
        is_read=knowledge.is_read(product, version),
        refusal=refusal(connection, product, version),
    )


def _before(catalog: "Catalog", product: str, version: Version) -> Version | None:
    older = [release.version for release in catalog.releases(product) if release.version < version]
    return max(older, default=None)


def _gone(knowledge: Knowledge, product: str, version: Version, ids: frozenset[str]) -> tuple[str, ...]:
    """Those that are known to be mended: without an SBOM nobody can tell of a component."""
    known = (Standing.FIXED, Standing.CLEAR)
    return tuple(i for i in ids if knowledge.standing(product, version, i) in known)


def _declared(knowledge: Knowledge, product: str, version: Version) -> tuple[str, ...]:
    return tuple(
        weakness_id
        for weakness_id in knowledge.weaknesses
        if knowledge.components(product, version, weakness_id)
        and knowledge.standing(product, version, weakness_id) is Standing.FIXED
    )
