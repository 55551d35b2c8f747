"""The whole examination: every subject in turn; one that cannot be looked at says so."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from ota_client.doctor.diagnosis import Diagnosis, Examined
from ota_client.doctor.finding import Finding, note
from ota_client.errors import OtaError
from ota_server.catalog import Catalog, Reading
from ota_server.database.opening import opened
from ota_server.doctor.audit_log import examine_audit
from ota_server.doctor.certificates import examine_certificates
from ota_server.doctor.data import (
    examine_backups,
    examine_clock,
    examine_database,
    examine_disk,
)
from ota_server.doctor.declared import examine_settings
from ota_server.doctor.files import examine_files, examine_secrets
from ota_server.doctor.finding import Code
from ota_server.doctor.online import examine_routes, examine_tls
from ota_server.doctor.people import examine_deliveries, examine_people
from ota_server.doctor.published import examine_published
from ota_server.doctor.setup import Probe, Setup
from ota_server.settings import ServerSettings

SUBJECTS: Final[dict[str, Callable[[Setup], Iterator[Finding]]]] = {
    "settings": examine_settings,
    "certificates": examine_certificates,
    "tls": examine_tls,
    "routes": examine_routes,
    "files": examine_files,
    "secrets": examine_secrets,
    "database": examine_database,
    "backups": examine_backups,
    "clock": examine_clock,
    "disk": examine_disk,
    "published": examine_published,
    "people": examine_people,
    "deliveries": examine_deliveries,
    "audit": examine_audit,
}


_OF_THE_DATABASE: Final = (examine_backups, examine_people, examine_deliveries, examine_audit)


def examine(setup: Setup) -> Diagnosis:
    """Examine a server; reads, and changes nothing."""
    return Diagnosis(
        tuple(Examined(name, tuple(_findings(setup, look))) for name, look in SUBJECTS.items())
    )


@contextmanager
def opened_setup(
    settings: ServerSettings,
    config: Path | None,
    catalog: Catalog | None,
    probe: Probe | None,
    routes: tuple[tuple[str, str], ...],
    now: datetime,
    *,
    outside: Probe | None = None,
) -> Iterator[Setup]:
    """Open what there is to look at; what cannot be opened is a finding, not an error.

    Args:
        settings: of the server.
        config: the settings file.
        catalog: the published releases; None if the settings name no place for them.
        probe: None asks the running server nothing.
        routes: of the server, as method and path.
        now: UTC.
        outside: as ``probe``, for what ends TLS in front of it.
    """
    with ExitStack() as stack:
        database, database_error = None, None
        if settings.fleet is not None:
            try:
                database = stack.enter_context(opened(settings.fleet.database))
            except OtaError as e:
                database_error = e
        reading, reading_error = _read(catalog)
        yield Setup(
            settings=settings,
            config=config,
            now=now,
            database=database,
            database_error=database_error,
            reading=reading,
            reading_error=reading_error,
            probe=probe,
            routes=routes,
            disk_use=_disk_use,
            outside=outside,
        )


def _read(catalog: Catalog | None) -> tuple[Reading | None, OtaError | None]:
    """What is published, or why it cannot be read."""
    try:
        return (catalog.current() if catalog else None), None
    except OtaError as e:
        return None, e


def _findings(setup: Setup, look: Callable[[Setup], Iterator[Finding]]) -> Iterator[Finding]:
    if look in _OF_THE_DATABASE and setup.database_error is not None:
        # "ok" would be a lie: nobody looked
        yield note(Code.UNSEEN, "it stands in the database, which cannot be opened", "mend that first")
        return
    try:
        yield from look(setup)
    except OSError as e:
        what = f"not all of it could be looked at: {e.filename or ''} {e.strerror or e}"
        yield note(Code.UNSEEN, what, "run it as the server's own account")
    except (OtaError, ValueError) as e:
        yield note(Code.UNSEEN, f"not all of it could be looked at: {e}", "look at it by hand")


def _disk_use(path: Path) -> tuple[int, int]:
    use = shutil.disk_usage(path)
    return use.total, use.free
