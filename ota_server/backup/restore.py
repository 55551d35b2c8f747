"""Restores a backup into a database of either kind: all of it, or nothing."""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection, Integer, MetaData, Table, delete, exists, false, func, insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from ota_server.backup.contents import (
    AUTHORITY,
    AUTHORITY_KEY,
    MANIFEST,
    MANIFEST_MOST_BYTES,
    Manifest,
    Member,
)
from ota_server.database.database import Database
from ota_server.database.migrate import upgrade_in
from ota_server.database.operators_schema import invitations, sessions
from ota_server.database.revision import HEAD, revision_of
from ota_server.errors import BackupError, ConflictError

_ROWS_AT_ONCE: Final = 1000
_PIECE_BYTES: Final = 1024 * 1024
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """What a restore ends.

    Attributes:
        sessions: how many people must sign in again.
        links: one-time links that are void.
    """

    sessions: int
    links: int


def read_manifest(source: Path) -> Manifest:
    """Read a backup's list, and hash everything that it names.

    Raises:
        BackupError: the file cannot be read or is no backup, or something in it is missing, damaged or
            not named.
    """
    with _opened(source) as tar:
        found: dict[str, tuple[int, str]] = {}
        manifest = None
        for info, file in _members(tar):
            if info.name == MANIFEST:
                manifest = Manifest.parse(file.read(MANIFEST_MOST_BYTES + 1))
            else:
                found[info.name] = (info.size, _sha256(file))
    if manifest is None:
        raise BackupError(
            f"{source}: expected a backup with {MANIFEST}, got none: it is cut short or no backup"
        )
    named = {member.name: (member.size_bytes, member.sha256) for member in manifest.members}
    if found != named:
        wrong = sorted(name for name in found | named if found.get(name) != named.get(name))
        raise BackupError(f"{source} is damaged: {wrong[0]} is not what {MANIFEST} says")
    if manifest.schema > HEAD:
        raise BackupError(
            f"{source}: its schema is {manifest.schema}, and this ota-server knows {HEAD} at most"
        )
    return manifest


def restore_database(
    database: Database,
    source: Path,
    manifest: Manifest,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Ended:
    """Put a backup's rows into a database, in one transaction.

    Sessions and one-time links are not taken over: some were ended or used since the backup was made.

    Args:
        database: empty, or with our tables.
        source: the backup.
        manifest: as ``read_manifest`` returned it.
        force: erase what is in the database before.
        progress: told the rows done and the rows in all.

    Returns:
        what it ended.

    Raises:
        BackupError: the backup changed meanwhile, or is not of this schema.
        ConflictError: there is something in the database, and ``force`` was not given.
        DatabaseUnavailableError: the database does not do it.
    """
    with database.begin() as connection, _opened(source) as tar:
        _empty(connection, force=force)
        upgrade_in(connection, manifest.schema)
        tables = _tables(connection, manifest)
        done = 0
        for member, rows in _rows(tar, manifest):
            table = tables[member.table or ""]
            for batch in _batches(rows):
                values = [dict(zip(member.columns, row, strict=True)) for row in batch]
                _insert(connection, table, values)
                done += len(batch)
                if progress:
                    progress(done, manifest.rows)
        _continue_numbers(connection, tables)
        upgrade_in(connection)
        return Ended(*(connection.execute(delete(table)).rowcount for table in (sessions, invitations)))


def read_authority(source: Path) -> tuple[bytes, bytes]:
    """The device authority's certificate and key in a backup that was verified."""
    with _opened(source) as tar:
        found = {info.name: file.read() for info, file in _members(tar) if info.name in _AUTHORITY}
    return found[AUTHORITY], found[AUTHORITY_KEY]


_AUTHORITY: Final = (AUTHORITY, AUTHORITY_KEY)


def _empty(connection: Connection, *, force: bool) -> None:
    """Make sure that there is nothing; with ``force`` remove it."""
    if revision_of(connection) is None:
        return
    present = MetaData()
    present.reflect(connection)
    ours = [table for table in present.sorted_tables if table.name != "alembic_version"]
    filled = [table.name for table in ours if connection.scalar(select(exists(select(table))))]
    if filled and not force:
        raise ConflictError(
            f"expected an empty database, got rows in {filled[0]}; to erase them first, use --force"
        )
    present.drop_all(connection)


def _tables(connection: Connection, manifest: Manifest) -> dict[str, Table]:
    """The tables of the backup's schema, which may be an older one."""
    present = MetaData()
    present.reflect(connection)
    named = {member.table: member for member in manifest.members if member.table}
    for name, member in named.items():
        if name not in present.tables or not {*member.columns} <= {*present.tables[name].columns.keys()}:
            raise BackupError(
                f"expected tables of schema {manifest.schema}, got another {name!r} in the backup"
            )
    return {name: present.tables[name] for name in named}


def _rows(tar: tarfile.TarFile, manifest: Manifest) -> Iterator[tuple[Member, Iterator[list[object]]]]:
    """Each table, in the order in which tables refer to each other: that of the backup."""
    members = {member.name: member for member in manifest.members}
    for info, file in _members(tar):
        member = members.get(info.name)
        if member is not None and member.table:
            yield member, _read_rows(member, file)


def _read_rows(member: Member, file: IO[bytes]) -> Iterator[list[object]]:
    digest = hashlib.sha256()
    for line in file:
        digest.update(line)
        try:
            row = json.loads(line)
        except ValueError as e:
            raise BackupError(f"{member.name}: expected a row of JSON a line, got something else") from e
        if not isinstance(row, list) or len(row) != len(member.columns):
            raise BackupError(f"{member.name}: expected {len(member.columns)} values a row, got others")
        yield row
    if digest.hexdigest() != member.sha256:
        raise BackupError(f"{member.name} changed while it was read")


def _batches(rows: Iterator[list[object]]) -> Iterator[list[list[object]]]:
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        yield batch


def _insert(connection: Connection, table: Table, values: list[dict[str, object]]) -> None:
    try:
        connection.execute(insert(table), values)
    except (IntegrityError, StatementError) as e:
        raise BackupError(f"the backup's rows of {table.name} do not fit the table: {e.orig}") from e


def _continue_numbers(connection: Connection, tables: dict[str, Table]) -> None:
    """PostgreSQL counts on from where a table's sequence is, whatever rows there are."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables.values():
        key = list(table.primary_key.columns)
        if len(key) != 1 or not isinstance(key[0].type, Integer):
            continue
        sequence = func.pg_get_serial_sequence(table.name, key[0].name)
        if connection.scalar(select(sequence)) is not None:
            highest = func.coalesce(func.max(key[0]), 0) + 1
            connection.execute(select(func.setval(sequence, highest, false())).select_from(table))


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, mode="r|") as tar:
            yield tar
    except (tarfile.TarError, EOFError) as e:
        raise BackupError(f"{source}: expected a backup, got something else or a part of one") from e
    except OSError as e:
        raise BackupError(f"{source} cannot be read: {e.strerror}") from e


def _members(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Files alone; nothing is ever unpacked by its name (A27)."""
    for info in tar:
        file = tar.extractfile(info) if info.isfile() else None
        if file is None:
            raise BackupError(f"expected plain files in a backup, got {info.name[:80]!r}")
        yield info, file


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()
