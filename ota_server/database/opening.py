"""The database of an address: for work once its schema is right, or to be made and changed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ota_client.errors import ConfigError
from ota_server.database.database import Database
from ota_server.database.revision import check
from ota_server.errors import DatabaseUnavailableError, SchemaError


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Open the database of an address, to work with it.

    Raises:
        ConfigError: the address is of no kind that is known.
        SchemaError: there is no database yet, or it was made by an older or a newer version.
        DatabaseUnavailableError: it does not answer, or is not this account's to read.
    """
    database = Database(url)
    try:
        # SQLite would make an empty one
        if not _is_there(database):
            raise SchemaError(
                f"{_file_of(database)} is not there: run `ota-server migrate --config FILE` to make it"
            )
        file = _file_of(database)
        if file is not None and not os.access(file, os.R_OK):
            raise DatabaseUnavailableError(
                f"{file} cannot be read: run this as the account that the server runs as"
            )
        check(database)
        yield database
    finally:
        database.close()


@contextmanager
def opened_for_change(url: str) -> Iterator[Database]:
    """Open a database of any schema, or of none; a new file is for its owner alone.

    Raises:
        ConfigError: the address is of no kind that is known, or the file cannot be made.
    """
    database = Database(url)
    try:
        file = _file_of(database)
        if file is not None:
            _touch(file)
        yield database
    finally:
        database.close()


def is_there(url: str) -> bool:
    """Whether there is a database to look at; to open a file of SQLite would make an empty one.

    Raises:
        ConfigError: the address is of no kind that is known.
    """
    database = Database(url)
    try:
        return _is_there(database)
    finally:
        database.close()


def _is_there(database: Database) -> bool:
    file = _file_of(database)
    try:
        return file is None or file.exists()
    except PermissionError:
        # in a folder of somebody else: nobody can tell
        return True


def _file_of(database: Database) -> Path | None:
    return Path(database.url.database or "") if database.is_sqlite else None


def _touch(file: Path) -> None:
    try:
        file.touch(0o600)
    except OSError as e:
        raise ConfigError(f"database: {file} cannot be made: {e.strerror}") from e
