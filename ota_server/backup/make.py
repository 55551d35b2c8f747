"""Makes a backup: one state of the whole database, while devices go on."""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection, Table, func, select

from ota_client.formats.strict import format_time
from ota_server.backup.contents import AUTHORITY, AUTHORITY_KEY, MANIFEST, Manifest, Member, rows_of
from ota_server.database.database import Database
from ota_server.database.revision import HEAD
from ota_server.database.tables import metadata
from ota_server.errors import BackupError

_ROWS_AT_ONCE: Final = 1000
Progress = Callable[[int, int], None]


def make_backup(
    database: Database,
    target: Path,
    *,
    authority: tuple[Path, Path],
    now: datetime,
    force: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Write a backup; it is there as a whole or not at all, and for nobody else to read.

    Args:
        database: with this version's schema.
        target: the file.
        authority: the device authority's certificate and key.
        now: UTC.
        force: replace a file that is there.
        progress: told the rows done and the rows in all.

    Raises:
        BackupError: a file cannot be read or written, or ``target`` is there already.
        DatabaseUnavailableError: the database does not answer.
    """
    if target.exists() and not force:
        raise BackupError(f"{target} exists already; to replace it use --force")
    with (
        _written(target) as file,
        tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        certificate, key = authority
        members = [
            _add_file(tar, AUTHORITY, certificate, now),
            _add_file(tar, AUTHORITY_KEY, key, now),
            *_add_tables(tar, database, target.parent, now, progress),
        ]
        manifest = Manifest(HEAD, format_time(now), tuple(members))
        _add_bytes(tar, MANIFEST, manifest.to_bytes(), now)
    return manifest


def _add_tables(
    tar: tarfile.TarFile, database: Database, folder: Path, now: datetime, progress: Progress | None
) -> Iterator[Member]:
    with database.read() as connection:
        tables = metadata.sorted_tables
        total = sum(connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables)
        done = 0
        for table in tables:
            member = _add_table(tar, connection, table, folder, now)
            done += member.rows
            if progress:
                progress(done, total)
            yield member


def _add_table(
    tar: tarfile.TarFile, connection: Connection, table: Table, folder: Path, now: datetime
) -> Member:
    """A tar names a member's size before its bytes: they wait in a file of their own."""
    digest, size, count = hashlib.sha256(), 0, 0
    ordered = select(table).order_by(*table.primary_key.columns)
    with tempfile.TemporaryFile(dir=folder) as spool:
        streamed = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(ordered)
        for row in streamed:
            line = json.dumps(list(row), separators=(",", ":")).encode() + b"\n"
            digest.update(line)
            size += spool.write(line)
            count += 1
        spool.seek(0)
        _add(tar, rows_of(table.name), spool, size, now)
    columns = tuple(column.name for column in table.columns)
    return Member(rows_of(table.name), size, digest.hexdigest(), columns, count)


def _add_file(tar: tarfile.TarFile, name: str, path: Path, now: datetime) -> Member:
    try:
        data = path.read_bytes()
    except OSError as e:
        raise BackupError(f"{path} cannot be read: {e.strerror}") from e
    _add_bytes(tar, name, data, now)
    return Member(name, len(data), hashlib.sha256(data).hexdigest())


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes, now: datetime) -> None:
    _add(tar, name, io.BytesIO(data), len(data), now)


def _add(tar: tarfile.TarFile, name: str, source: IO[bytes], size_bytes: int, now: datetime) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size_bytes, 0o600, int(now.timestamp())
    tar.addfile(info, source)


@contextmanager
def _written(target: Path) -> Iterator[IO[bytes]]:
    temporary = target.with_name(f".{target.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        # it holds the device authority's key
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(fd)
        temporary.replace(target)
    except OSError as e:
        raise BackupError(f"{target} cannot be written: {e.strerror}") from e
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
