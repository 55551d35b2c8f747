"""The server's own certificates, which nobody may notice until devices no longer come."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates
from sqlalchemy import Connection

from ota_client.formats.strict import format_time
from ota_server.journal.event import Event, EventKind, record
from ota_server.notify import mark
from ota_server.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """One file of certificates.

    Attributes:
        whose: server, device-authority or factory-authority.
        expires_at: of the first of them.
    """

    whose: str
    name: str
    expires_at: datetime


def own_certificates(settings: ServerSettings) -> Iterator[OwnCertificate]:
    """Those that the settings name; one that cannot be read is left out: `ota-server doctor` tells."""
    for whose, path in _files(settings):
        try:
            found = load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError):
            continue
        yield OwnCertificate(whose, path.name, min(one.not_valid_after_utc for one in found))


def tell_own(
    connection: Connection, found: Iterable[OwnCertificate], *, warning_days: int, now: datetime
) -> None:
    """Tell of certificates that end soon, each once.

    Args:
        connection: in a transaction that writes.
        found: those that there are.
        warning_days: before it ends.
        now: UTC.
    """
    for one in found:
        if one.expires_at - now > timedelta(days=warning_days):
            continue
        ends = format_time(one.expires_at)
        if mark.is_new(connection, f"certificate:{one.whose}:{one.name[:64]}", ends, now=now):
            document = {"whose": one.whose, "name": one.name, "expires_at": ends}
            record(connection, Event(EventKind.CERTIFICATE_EXPIRING, document), now=now)


def _files(settings: ServerSettings) -> Iterator[tuple[str, Path]]:
    if settings.tls is not None:
        yield "server", settings.tls.certificate
    if settings.fleet is not None:
        yield "device-authority", settings.fleet.authority
        for path in settings.fleet.factory_authorities:
            yield "factory-authority", path
