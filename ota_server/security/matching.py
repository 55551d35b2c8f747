"""Which releases have a component with a weakness, by all that the imported documents say."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from ota_server.database.security_schema import release_components, weakness_matches, weakness_packages
from ota_server.security import stored
from ota_server.security.component import BillOfMaterials, Component
from ota_server.security.purl import Package, packages_of
from ota_server.security.weakness import Status, Weakness

_LOCK: Final = 0x7765_616B
_AT_A_TIME: Final = 500
# as the column takes
_PURL_LONGEST: Final = 255


@dataclass(frozen=True, slots=True)
class _Part:
    """A component of a release, as what weaknesses speak of."""

    purl: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a release is made of, by package."""

    product: str
    version: str
    subject: _Part | None
    parts: Mapping[str, tuple[_Part, ...]]

    @classmethod
    def of(cls, product: str, version: str, bill: BillOfMaterials) -> "Contents":
        """Sort a release's components by what they are and were built from."""
        subject = _part(bill.subject) if bill.subject else None
        parts: dict[str, list[_Part]] = {}
        for part in filter(None, (subject, *map(_part, bill.components))):
            for key in {package.key for package in part.packages}:
                parts.setdefault(key, []).append(part)
        return cls(product, version, subject, {key: tuple(found) for key, found in parts.items()})


def hold_matching(connection: Connection) -> None:
    """Wait for the turn to write matches; it ends with the transaction. SQLite has one writer anyway.

    Else an import and a new release could each miss what the other is about to write.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def weak_parts(contents: Contents, documents: tuple[Weakness, ...]) -> tuple[str, ...]:
    """The components of a release that have a weakness, as package URLs without qualifiers.

    A document that says it is mended or absent in a component, or in the whole release (VEX), beats
    those that say the component has it.
    """
    subject = contents.subject
    if subject and _said(documents, subject, subject) - {Status.AFFECTED}:
        return ()
    keys = {statement.package for document in documents for statement in document.statements}
    parts = {part for key in keys for part in contents.parts.get(key, ())}
    found = (part.purl for part in parts if _said(documents, part, subject) == {Status.AFFECTED})
    return tuple(sorted(set(found)))


def match_release(
    connection: Connection, product: str, version: str, bill: BillOfMaterials | None
) -> None:
    """Write anew which weaknesses a release has; None is one whose components nobody can tell."""
    connection.execute(delete(weakness_matches).filter_by(product=product, version=version))
    if bill is None:
        return
    contents = Contents.of(product, version, bill)
    named: set[str] = set()
    for keys in _pieces(sorted(contents.parts)):
        mine = weakness_packages.c.package.in_(keys)
        named.update(connection.scalars(select(weakness_packages.c.weakness_id).where(mine)))
    for ids in _pieces(sorted(named)):
        _write(connection, ids, [contents])


def match_again(connection: Connection, weakness_ids: Iterable[str]) -> None:
    """Write anew which releases have some weaknesses, after their documents changed."""
    releases = list(_all_contents(connection))
    for ids in _pieces(sorted(set(weakness_ids))):
        connection.execute(delete(weakness_matches).where(weakness_matches.c.weakness_id.in_(ids)))
        _write(connection, ids, releases)


def matched(connection: Connection, weakness_id: str) -> frozenset[tuple[str, str]]:
    """The releases, by product and version, that have a weakness."""
    column = weakness_matches.c
    rows = connection.execute(select(column.product, column.version).filter_by(weakness_id=weakness_id))
    return frozenset((row.product, row.version) for row in rows)


def _write(connection: Connection, ids: list[str], releases: list[Contents]) -> None:
    rows = [
        {
            "weakness_id": weakness_id,
            "product": release.product,
            "version": release.version,
            "component": component,
        }
        for weakness_id, documents in stored.found_by_id(connection, ids).items()
        for release in releases
        for component in weak_parts(release, documents)
    ]
    if rows:
        connection.execute(insert(weakness_matches), rows)


def _all_contents(connection: Connection) -> Iterator[Contents]:
    rows = connection.execute(select(release_components).where(release_components.c.refusal == ""))
    for row in rows:
        yield Contents.of(row.product, row.version, msgspec.json.decode(row.bill, type=BillOfMaterials))


def _part(component: Component) -> _Part | None:
    if not component.purl:
        return None
    packages = packages_of(component.purl)
    own = packages[0]
    return _Part(f"pkg:{own.key}@{own.version}"[:_PURL_LONGEST], packages)


def _said(documents: tuple[Weakness, ...], part: _Part, subject: _Part | None) -> set[Status]:
    whole = subject.packages[0] if subject else None
    found = (document.says_of(part.packages, whole) for document in documents)
    return {status for status in found if status is not None}


def _pieces(ids: list[str]) -> Iterator[list[str]]:
    """Databases take so many values in a statement."""
    return (ids[start : start + _AT_A_TIME] for start in range(0, len(ids), _AT_A_TIME))
