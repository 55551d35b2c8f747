"""What the published releases are made of: their signed SBOMs, read once and kept."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select

from ota_client.errors import OtaError, VerificationError
from ota_client.formats.version import Version
from ota_client.manifest import Sbom
from ota_server.database.security_schema import release_components
from ota_server.errors import PublishedFolderError, SbomError
from ota_server.security.component import BillOfMaterials
from ota_server.security.knowledge import published_products
from ota_server.security.matching import hold_matching, match_release
from ota_server.security.sbom import parse

if TYPE_CHECKING:
    from ota_server.catalog import Catalog, CatalogRelease
    from ota_server.database.database import Database

_REFUSAL_LONGEST: Final = 500


def bill(connection: Connection, catalog: "Catalog", product: str, version: Version) -> BillOfMaterials:
    """What a release is made of; of a retired one, what was read while it was published.

    Raises:
        NotFoundError: there is no such release, or it has no SBOM.
        SbomError: its SBOM cannot be read.
        VerificationError: the file is not the one that was signed, or a device would trust none of them.
        PublishedFolderError: the published files cannot be read.
    """
    kept = connection.execute(
        select(release_components).filter_by(product=product, version=str(version))
    ).first()
    if kept is None:
        return parse(catalog.read_sbom(catalog.release(product, version)))
    if kept.refusal:
        raise SbomError(kept.refusal)
    return msgspec.json.decode(kept.bill, type=BillOfMaterials)


def refusal(connection: Connection, product: str, version: Version) -> str:
    """Why the SBOM of a release could not be read; empty if it could, or nobody tried."""
    mine = select(release_components.c.refusal).filter_by(product=product, version=str(version))
    return connection.scalar(mine) or ""


def read_new(database: "Database", catalog: "Catalog", *, now: datetime) -> int:
    """Read the SBOMs of releases that were published since, and match them with what was imported.

    No transaction waits for the published files, which may be far away.

    Args:
        database: the fleet's.
        catalog: the published releases.
        now: UTC.

    Returns:
        how many there were.

    Raises:
        VerificationError: a device would trust nothing of what is published.
        PublishedFolderError: the published files cannot be read now.
        DatabaseUnavailableError: the database does not answer.
    """
    releases = list(_with_sbom(catalog))
    with database.read() as connection:
        kept = _kept(connection)
    new = [one for one in releases if kept.get((one[0].product, str(one[0].version))) != one[1].sha256]
    for release, sbom in new:
        found = _read(catalog, release)
        with database.begin() as connection:
            _keep(connection, release, sbom, found, now)
    return len(new)


def _with_sbom(catalog: "Catalog") -> Iterator[tuple["CatalogRelease", Sbom]]:
    for product in published_products(catalog):
        with suppress(VerificationError):
            for release in catalog.releases(product):
                if release.sbom is not None:
                    yield release, release.sbom


def _kept(connection: Connection) -> dict[tuple[str, str], str]:
    column = release_components.c
    rows = connection.execute(select(column.product, column.version, column.sbom_sha256))
    return {(row.product, row.version): row.sbom_sha256 for row in rows}


def _read(catalog: "Catalog", release: "CatalogRelease") -> BillOfMaterials | str:
    """What the release is made of, or why nobody can tell: what was signed does not change."""
    try:
        return parse(catalog.read_sbom(release))
    except PublishedFolderError:
        # it passes, and is tried again
        raise
    except OtaError as e:
        return str(e)[:_REFUSAL_LONGEST]


def _keep(
    connection: Connection,
    release: "CatalogRelease",
    sbom: Sbom,
    found: BillOfMaterials | str,
    now: datetime,
) -> None:
    hold_matching(connection)
    place = {"product": release.product, "version": str(release.version)}
    read = found if isinstance(found, BillOfMaterials) else None
    connection.execute(delete(release_components).filter_by(**place))
    connection.execute(
        insert(release_components).values(
            **place,
            sbom_sha256=sbom.sha256,
            bill=msgspec.json.encode(read).decode() if read else "",
            refusal="" if read else found,
            read_at=int(now.timestamp()),
        )
    )
    match_release(connection, release.product, str(release.version), read)
