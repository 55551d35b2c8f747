"""What the doctor looks at."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from ota_client.errors import OtaError
from ota_server.catalog import Reading
from ota_server.database.database import Database
from ota_server.settings import ServerSettings

DiskUse = Callable[[Path], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a TLS connection to the server came to.

    Attributes:
        version: such as ``TLSv1.3``.
        certificate_der: what it showed.
    """

    version: str
    certificate_der: bytes


class Probe(Protocol):
    """Asks the running server as a stranger would."""

    def handshake(self, *, newest: str | None = None, ciphers: str | None = None) -> Handshake | None:
        """Connect by TLS, without checking the certificate; None if the server refuses.

        Args:
            newest: the newest version offered, such as ``TLSv1.1``; None offers all.
            ciphers: in OpenSSL's notation; None offers the usual ones.

        Raises:
            OSError: it does not answer.
        """

    def status(self, method: str, path: str) -> int:
        """Ask without any credential; the status of the answer.

        Raises:
            OSError: it does not answer.
        """


@dataclass(frozen=True, slots=True)
class Setup:
    """A server, as it is set up.

    Attributes:
        config: the settings file, if there is one.
        now: UTC.
        database: of the fleet; None without one, or if it cannot be opened.
        database_error: why it cannot be opened; None if it can.
        reading: of the published files; None if they cannot be read.
        reading_error: why they cannot be read; None if they can.
        probe: None if the settings name no address.
        routes: of the server's own doors, as method and path: none is for a stranger.
        disk_use: total and free bytes of a path's file system.
        outside: asks what ends TLS in front of this server; None if nothing does.
    """

    settings: ServerSettings
    config: Path | None
    now: datetime
    database: Database | None
    database_error: OtaError | None
    reading: Reading | None
    reading_error: OtaError | None
    probe: Probe | None
    routes: tuple[tuple[str, str], ...]
    disk_use: DiskUse
    outside: Probe | None = None

    @contextmanager
    def read(self) -> Iterator[Connection | None]:
        """One state of the database; None where it cannot be looked at: its own subject says so."""
        if self.database is None:
            yield None
            return
        with self.database.read() as connection:
            yield connection
