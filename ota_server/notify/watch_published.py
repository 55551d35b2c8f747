"""What the published files bring: new releases, another root, metadata that ends soon."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from ota_client.formats.strict import format_time
from ota_server.journal.event import Event, EventKind, record
from ota_server.notify import mark
from ota_server.notify.exposed import release_event

if TYPE_CHECKING:
    from ota_server.catalog import Catalog, CatalogRelease, ProductReading

_ROOT: Final = "root"
# these are renewed by a timer, every day or so: longer is no warning
_ONLINE: Final = ("snapshot", "timestamp")
_ONLINE_WARNING: Final = timedelta(days=1)
_OF_ALL: Final = ("root", "targets", *_ONLINE)


def tell_published(
    connection: Connection, catalog: "Catalog", *, warning_days: int, now: datetime
) -> None:
    """Tell what is new in the published files, each thing once.

    Args:
        connection: in a transaction that writes.
        catalog: reads the files; it has done so before, as a transaction must be short.
        warning_days: before metadata expires.
        now: UTC.

    Raises:
        VerificationError, NotPublishedError, PublishedFolderError: as ``Catalog.current``.
    """
    for product, reading in catalog.current().products.items():
        _tell_root(connection, reading, now)
        _tell_expiring(connection, product, reading, timedelta(days=warning_days), now)
        # one whose metadata has expired offers nothing
        if reading.expires_at > now:
            _tell_releases(connection, catalog, product, now)


def _tell_releases(connection: Connection, catalog: "Catalog", product: str, now: datetime) -> None:
    name = f"releases:{product}"
    before = mark.get(connection, name)
    told = before if isinstance(before, dict) else {}
    releases = catalog.releases(product)
    fresh = [release for release in releases if str(release.version) not in told]
    # of a product that was there before anybody watched, the newest is news enough
    for release in fresh if told else fresh[-1:]:
        record(connection, release_event(connection, catalog, release), now=now)
    if fresh:
        mark.put(connection, name, told | dict(map(_identity, fresh)), now=now)


def _identity(release: "CatalogRelease") -> tuple[str, str]:
    return str(release.version), release.manifest_sha256


def _tell_root(connection: Connection, reading: "ProductReading", now: datetime) -> None:
    before, version = mark.get(connection, _ROOT), reading.root_version
    if before == version:
        return
    mark.put(connection, _ROOT, version, now=now)
    if isinstance(before, int):
        document = {"root_version": version, "before": before}
        record(connection, Event(EventKind.ROOT_CHANGED, document), now=now)


def _tell_expiring(
    connection: Connection, product: str, reading: "ProductReading", warning: timedelta, now: datetime
) -> None:
    for role, expires_at in reading.roles_expire_at.items():
        left = expires_at - now
        if left > (min(warning, _ONLINE_WARNING) if role in _ONLINE else warning):
            continue
        document = {"role": role, "expires_at": format_time(expires_at)}
        if mark.is_new(connection, f"metadata:{role}", document["expires_at"], now=now):
            owner = "" if role in _OF_ALL else product
            record(connection, Event(EventKind.METADATA_EXPIRING, document, product=owner), now=now)
