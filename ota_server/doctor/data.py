"""The database, its backups, the clock, and the disk."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, select, text
from sqlalchemy.engine import make_url

from ota_client.doctor.finding import Finding, error, warning
from ota_server.backup.mark import last_backup_at
from ota_server.database.operators_schema import audit_entries
from ota_server.database.schema import device_seen, devices
from ota_server.doctor.finding import Code
from ota_server.doctor.setup import Setup
from ota_server.errors import SchemaError

_SKEW: Final = timedelta(minutes=10)
_BACKUP_OLD: Final = timedelta(days=7)
_FREE_LEAST_SHARE: Final = 0.1
_FREE_LEAST_BYTES: Final = 1024**3
_FREE_DIRE_BYTES: Final = 100 * 1024**2
_HERE: Final = {None, "", "localhost", "127.0.0.1", "::1"}


def examine_database(setup: Setup) -> Iterator[Finding]:
    """Find a database that cannot be used, or does not keep what it says it has."""
    match setup.database_error:
        case None:
            pass
        case SchemaError() as e:
            yield error(Code.DATABASE_SCHEMA, str(e), "run `ota-server migrate`, after a backup")
        case e:
            yield error(Code.DATABASE_UNREACHABLE, str(e), "start it, or mend `database`")
    with setup.read() as connection:
        if connection is None or setup.settings.fleet is None:
            return
        if connection.dialect.name == "sqlite":
            yield from _examine_sqlite(connection)
        else:
            yield from _examine_postgresql(connection, setup.settings.fleet.database)


def _examine_sqlite(connection: Connection) -> Iterator[Finding]:
    said = connection.scalar(text("PRAGMA quick_check(1)"))
    if said != "ok":
        what = f"the database's file is damaged: {str(said)[:200]}"
        yield error(Code.DATABASE_DAMAGED, what, "stop the server and restore the last backup")


def _examine_postgresql(connection: Connection, url: str) -> Iterator[Finding]:
    if connection.scalar(text("SHOW fsync")) != "on":
        what = "PostgreSQL's fsync is off: a power cut may destroy the whole database"
        yield error(Code.POSTGRESQL_FSYNC, what, "set fsync = on in postgresql.conf")
    if connection.scalar(text("SHOW synchronous_commit")) == "off":
        what = "PostgreSQL's synchronous_commit is off: a power cut may take back what was acknowledged"
        yield warning(Code.POSTGRESQL_COMMIT, what, "set synchronous_commit = on")
    host = make_url(url).host
    if host not in _HERE:
        row = connection.execute(
            text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        ).first()
        if row is not None and not row.ssl:
            what = f"the connection to PostgreSQL on {host} is not encrypted (B09)"
            yield error(Code.POSTGRESQL_PLAIN, what, "add ?sslmode=verify-full to `database`")


def examine_backups(setup: Setup) -> Iterator[Finding]:
    """Find that there is none, or none that is fresh."""
    way_out = "run `ota-server backup FILE` by a timer, and keep the files elsewhere"
    with setup.read() as connection:
        if connection is None:
            return
        if connection.scalar(select(func.count()).select_from(devices)) == 0:
            # nothing is lost yet
            return
        made_at = last_backup_at(connection)
    if made_at is None:
        yield warning(Code.BACKUP_MISSING, "no backup was ever made of this fleet", way_out)
    elif setup.now - made_at > _BACKUP_OLD:
        what = f"the last backup is {(setup.now - made_at).days} days old"
        yield warning(Code.BACKUP_OLD, what, way_out)


def examine_clock(setup: Setup) -> Iterator[Finding]:
    """Find a clock that is behind what was signed or written already (A09)."""
    for name, moment in _moments(setup):
        if moment - setup.now > _SKEW:
            says, other = f"{setup.now:%Y-%m-%d %H:%M}", f"{moment:%Y-%m-%d %H:%M}"
            what = f"the clock says {says} UTC, and {name} is of {other}"
            yield error(Code.CLOCK_BEHIND, what, "set the clock by NTP, and look why it was behind")


def _moments(setup: Setup) -> Iterator[tuple[str, datetime]]:
    for floor in setup.reading.floors.values() if setup.reading else ():
        if floor.signed_at is not None:
            yield "the published timestamp", floor.signed_at
            break
    with setup.read() as connection:
        if connection is None:
            return
        newest = {
            "the newest check-in": select(func.max(device_seen.c.seen_at)),
            "the newest entry of the audit log": select(audit_entries.c.at)
            .order_by(audit_entries.c.id.desc())
            .limit(1),
        }
        for name, query in newest.items():
            at = connection.scalar(query)
            if at is not None:
                yield name, datetime.fromtimestamp(at, UTC)


def examine_disk(setup: Setup) -> Iterator[Finding]:
    """Find a disk that is nearly full."""
    for path in sorted(set(_folders(setup))):
        total, free = setup.disk_use(path)
        if free >= min(_FREE_LEAST_BYTES, total * _FREE_LEAST_SHARE):
            continue
        what = f"{free // 1024**2} MiB are free where {path} is, of {total // 1024**2}"
        way_out = "make room: a full disk stops check-ins, reports and uploads"
        make = error if free < _FREE_DIRE_BYTES else warning
        yield make(Code.DISK_NEARLY_FULL, what, way_out)


def _folders(setup: Setup) -> Iterator[Path]:
    settings = setup.settings
    if settings.fleet is not None:
        url = make_url(settings.fleet.database)
        if url.get_backend_name() == "sqlite" and url.database:
            yield Path(url.database).parent
    if settings.published is not None and settings.published.parent.is_dir():
        yield settings.published.absolute().parent
