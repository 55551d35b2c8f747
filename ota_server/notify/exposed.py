"""A published release as an event: what it mends and brings in, what to do, which devices wait."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, func, select

from ota_client.formats.strict import format_time
from ota_client.manifest import Advisory
from ota_server.database.schema import devices
from ota_server.journal.event import Event, EventKind
from ota_server.notify.filter import SEVERITIES
from ota_server.security.exposure import exposed
from ota_server.security.release_security import of_release

if TYPE_CHECKING:
    from ota_server.catalog import Catalog, CatalogRelease

FIRST_MOST: Final = 100

# how many devices run a version; None before the first check-in
Running = Mapping[str | None, int]


def release_event(connection: Connection, catalog: "Catalog", release: "CatalogRelease") -> Event:
    """What is told of a release.

    Args:
        connection: for reading.
        catalog: says which releases have a fix.
        release: one of its.

    Raises:
        VerificationError, PublishedFolderError: as ``Catalog.releases``.
    """
    fixes = _fixes(catalog, release)
    running = {fix.id: _without(connection, catalog, fix, release.product) for fix in fixes}
    brought = _brings_in(connection, catalog, release)
    document = {
        "version": str(release.version),
        "rollback_index": release.rollback_index,
        "hardware_ids": list(release.hardware_ids),
        "created_at": format_time(release.created_at),
        "manifest_sha256": release.manifest_sha256,
        "notes": release.notes,
        "fixes": [_fix(fix, running[fix.id]) for fix in fixes],
        "exposed": _exposed(connection, release.product, list(running.values())),
        "brings_in": brought,
    }
    # who is told of grave things alone wants to know of those that come, too
    said = [*(fix.severity.value for fix in fixes), *(one["severity"] for one in brought)]
    severity = max((one for one in said if one), key=SEVERITIES.index, default="")
    return Event(EventKind.RELEASE_PUBLISHED, document, product=release.product, severity=severity)


def _fixes(catalog: "Catalog", release: "CatalogRelease") -> list[Advisory]:
    """What the release mends against the one before: manifests carry those of earlier ones too."""
    before = [one.version for one in catalog.releases(release.product) if one.version < release.version]
    return [fix for fix in release.advisories if not before or fix.fixed_in > before[-1]]


def _brings_in(
    connection: Connection, catalog: "Catalog", release: "CatalogRelease"
) -> list[dict[str, Any]]:
    found = of_release(connection, catalog, release.product, release.version)
    components = {one.weakness.id: one.components for one in found.contains}
    return [
        {
            "id": one.id,
            "severity": one.severity.value if one.severity else "",
            "summary": one.summary,
            "action": one.action,
            "components": list(components.get(one.id, ())),
        }
        for one in found.brings_in[:FIRST_MOST]
    ]


def _without(connection: Connection, catalog: "Catalog", fix: Advisory, product: str) -> Running:
    found = exposed(connection, catalog, fix.id, products=frozenset({product})).versions
    return {None if one.version is None else str(one.version): one.devices for one in found}


def _fix(fix: Advisory, running: Running) -> dict[str, object]:
    return {
        **fix.to_fields(),
        "exposed_devices": sum(running.values()),
        "exposed_versions": list(running),
    }


def _exposed(connection: Connection, product: str, fixes: Sequence[Running]) -> dict[str, object]:
    """Who runs without at least one of the fixes."""
    running = {version: count for fix in fixes for version, count in fix.items()}
    mine = devices.c.product == product
    runs = func.coalesce(devices.c.running_version, "").in_([version or "" for version in running])
    first = select(devices.c.device_id).where(mine, runs).order_by(devices.c.device_id)
    return {
        "devices": sum(running.values()),
        "of": connection.scalar(select(func.count()).select_from(devices).where(mine)) or 0,
        "first": list(connection.scalars(first.limit(FIRST_MOST))),
        "versions": [{"version": name, "devices": count} for name, count in running.items()],
    }
