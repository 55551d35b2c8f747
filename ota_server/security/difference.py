"""What one release has other than another: components, and with them weaknesses."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from ota_client.formats.version import Version
from ota_server.security.component import BillOfMaterials, Component
from ota_server.security.contents import bill
from ota_server.security.exposure import worst_first
from ota_server.security.knowledge import Knowledge, KnownWeakness
from ota_server.security.purl import read_purl

if TYPE_CHECKING:
    from ota_server.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Changed:
    """A component in another version."""

    before: Component
    after: Component


@dataclass(frozen=True, slots=True)
class Difference:
    """From one release to another.

    Attributes:
        fixes: weaknesses that the first has and the second has not, the worst first.
        brings_in: weaknesses that the second has and the first has not, the worst first.
    """

    product: str
    before: Version
    after: Version
    added: tuple[Component, ...]
    removed: tuple[Component, ...]
    changed: tuple[Changed, ...]
    fixes: tuple[KnownWeakness, ...]
    brings_in: tuple[KnownWeakness, ...]


def difference(
    connection: Connection, catalog: "Catalog", product: str, before: Version, after: Version
) -> Difference:
    """Compare two releases of a product.

    Raises:
        NotFoundError: there is no such release, or it has no SBOM.
        SbomError: an SBOM cannot be read.
        VerificationError: a file is not the one that was signed, or a device would trust none of them.
        PublishedFolderError: the published files cannot be read.
    """
    bills = (bill(connection, catalog, product, version) for version in (before, after))
    added, removed, changed = compare_bills(*bills)
    knowledge = Knowledge.of(connection, catalog, products=frozenset({product}))
    had, has = (frozenset(knowledge.contained(product, version)) for version in (before, after))
    return Difference(
        product,
        before,
        after,
        added,
        removed,
        changed,
        fixes=worst_first(knowledge, tuple(had - has)),
        brings_in=worst_first(knowledge, tuple(has - had)),
    )


def compare_bills(
    before: BillOfMaterials, after: BillOfMaterials
) -> tuple[tuple[Component, ...], tuple[Component, ...], tuple[Changed, ...]]:
    """What was added, what was removed, and what changed its version; each by name."""
    had, has = _by_identity(before.components), _by_identity(after.components)
    added: list[Component] = []
    removed: list[Component] = []
    changed: list[Changed] = []
    for identity in sorted({*had, *has}):
        old, new = had.get(identity, {}), has.get(identity, {})
        gone = [component for version, component in old.items() if version not in new]
        come = [component for version, component in new.items() if version not in old]
        # a component that is there in several versions has no one predecessor
        if len(gone) == len(come) == 1:
            changed.append(Changed(gone[0], come[0]))
        else:
            removed += gone
            added += come
    return tuple(added), tuple(removed), tuple(changed)


def _by_identity(components: Iterable[Component]) -> dict[tuple[str, str], dict[str, Component]]:
    """By what stays the same when a version changes, then by version."""
    found: dict[tuple[str, str], dict[str, Component]] = {}
    for component in components:
        key = read_purl(component.purl).key if component.purl else ""
        identity = (component.name, "") if not key else (key.rpartition("/")[2], key)
        found.setdefault(identity, {})[component.version] = component
    return found
