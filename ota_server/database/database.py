"""The fleet's database, opened: SQLite in one file, or PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ota_client.errors import ConfigError
from ota_server.database.last import begin_last, follow_savepoints, run_last
from ota_server.database.threads import DatabaseThreads
from ota_server.errors import DatabaseUnavailableError, InvalidError

# a command of the operator may hold the lock while devices report
_BUSY_MS = 20_000
# SQLite has one writer: a second one would poll for the lock, and sleep while it is free
_SQLITE_THREADS = 1
# fewer than a pool has connections: none of them waits for one
_POSTGRESQL_THREADS = 8
# a network that swallows packets is given up after so long
_SILENCE_MS = 20_000
# to wait for readers keeps writers waiting: it is tried again another time
_TIDY_MS = 200
_CONNECT_S = 5
_KINDS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


class Database:
    """Transactions over the fleet's tables; one object a process, for all threads.

    Args:
        url: ``sqlite:////var/lib/ota-server/fleet.db`` or ``postgresql://user@host/name``; a password
            comes from PostgreSQL's own password file or service file, not from here.

    Attributes:
        threads: in which an event loop has its transactions done.

    Raises:
        ConfigError: the address is of neither kind.
    """

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self.engine = _open(self.url)
        follow_savepoints(self.engine)
        self.threads = DatabaseThreads(_SQLITE_THREADS if self.is_sqlite else _POSTGRESQL_THREADS)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes: all of it holds, or nothing.

        Raises:
            DatabaseUnavailableError: the database does not answer, its disk is full, or another
                transaction stood in the way.
            InvalidError: it was given half a character, say, or too large a number.
        """
        with self._transaction(sqlite_begin="BEGIN IMMEDIATE") as connection:
            begin_last(connection)
            yield connection
            run_last(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One state of the whole database, for reading.

        Raises:
            DatabaseUnavailableError: the database does not answer.
            InvalidError: as in ``begin``.
        """
        with self._transaction(sqlite_begin="BEGIN", isolation="REPEATABLE READ") as connection:
            yield connection

    @contextmanager
    def _transaction(
        self, *, sqlite_begin: str, isolation: str = "READ COMMITTED"
    ) -> Iterator[Connection]:
        with _translated(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.execution_options(sqlite_begin=sqlite_begin)
            else:
                connection.execution_options(isolation_level=isolation)
            with connection.begin():
                yield connection

    def tidy(self) -> None:
        """Take what was erased out of SQLite's write-ahead log too, if nobody reads just now.

        Its file keeps what was written until other writes come over it: long, in a quiet fleet.
        PostgreSQL has its own vacuum.

        Raises:
            DatabaseUnavailableError: the database cannot be used.
        """
        if not self.is_sqlite:
            return
        with _translated(), self.engine.connect() as connection:
            # not in a transaction, as SQLAlchemy would have it
            log = connection.connection.driver_connection
            try:
                _empty_log(log)
            except sqlite3.Error as e:
                raise DatabaseUnavailableError(f"the database cannot be used: {e}") from e

    def close(self) -> None:
        """Give the connections back, once what runs in threads has ended."""
        self.threads.close()
        self.engine.dispose()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in _KINDS:
        raise ConfigError(
            "database: expected sqlite:////path/to/fleet.db or postgresql://user@host/name, "
            "got something else"
        )
    if parsed.drivername == "sqlite" and not parsed.database:
        raise ConfigError("database: expected the path of a file behind sqlite:///, got none")
    return parsed.set(drivername=_KINDS[parsed.drivername])


def _open(url: URL) -> Engine:
    # hidden: what was to be written may be somebody's, and a traceback goes to the log
    if url.get_backend_name() != "sqlite":
        connect_args = _connect_args(url)
        engine = create_engine(url, pool_pre_ping=True, connect_args=connect_args, hide_parameters=True)
        event.listen(engine, "connect", _bound_waits)
        return engine
    engine = create_engine(url, connect_args={"timeout": _BUSY_MS / 1000}, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _connect_args(url: URL) -> dict[str, str]:
    """How long to wait for PostgreSQL itself; what the operator's address says is left as it is."""
    bounds = {"connect_timeout": str(_CONNECT_S), "tcp_user_timeout": str(_SILENCE_MS)}
    return {name: value for name, value in bounds.items() if name not in url.query}


def _bound_waits(connection: DBAPIConnection, _: object) -> None:
    # not among the options of the connection: a pooler such as PgBouncer refuses those
    connection.cursor().execute(f"SET lock_timeout = {_BUSY_MS}")
    connection.commit()


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    # transactions are begun by us, in the mode that we need
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        # what was acknowledged outlives a power cut
        "synchronous = FULL",
        "foreign_keys = ON",
        # what was erased is not left in the file's free places
        "secure_delete = ON",
        f"busy_timeout = {_BUSY_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _empty_log(connection: Any) -> None:  # noqa: ANN401 - as the driver has it
    connection.execute(f"PRAGMA busy_timeout = {_TIDY_MS}")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")


def _begin(connection: Connection) -> None:
    # a writer holds the lock from the start: no transaction fails because it became one
    connection.exec_driver_sql(connection.get_execution_options()["sqlite_begin"])


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        # the caller's: it knows what was to be unique
        raise
    except (DataError, UnicodeEncodeError, OverflowError) as e:
        raise InvalidError(
            "expected texts and numbers that the database can hold, got one that it cannot"
        ) from e
    except DBAPIError as e:
        raise DatabaseUnavailableError(f"the database cannot be used: {_first_line(e)}") from e
    except PoolTimeoutError as e:
        raise DatabaseUnavailableError("all connections to the database are in use") from e


def _first_line(e: DBAPIError) -> str:
    """Without the statement and its values: they may hold what is nobody's business."""
    return (str(e.orig).splitlines() or ["no reason given"])[0][:200]
