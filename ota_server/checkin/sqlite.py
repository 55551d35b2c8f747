"""The device's path on SQLite: read in the event loop, as that costs less than any thread."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from ota_server.checkin.lookup import DENIED, FIND_ONE, Found, found
from ota_server.checkin.seen import Batch, LastSeen
from ota_server.errors import DatabaseUnavailableError

# A reader of the write-ahead log waits for nobody but one that opens the file.
_READ_BUSY_MS: Final = 1_000
_WRITE_BUSY_MS: Final = 20_000
_SEEN: Final = """
INSERT INTO device_seen (device_pk, seen_at) SELECT pk, :at FROM devices WHERE pk = :pk
ON CONFLICT (device_pk) DO UPDATE SET seen_at = max(seen_at, excluded.seen_at)
"""


class SqliteLookup:
    """Looks up in the database's file.

    Args:
        path: the file; its tables are there.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._reader: sqlite3.Connection | None = None
        self._lock = Lock()
        self._last_seen = LastSeen(lambda batch: asyncio.to_thread(self._write_seen, batch))

    @property
    def unwritten(self) -> int:
        """How many devices' last check-in is not yet written."""
        return len(self._last_seen)

    async def open(self) -> None:
        """Open the file for reading."""
        with _translated():
            self._reader = _connect(self._path, _READ_BUSY_MS)
            self._reader.execute("PRAGMA query_only = ON")

    async def find(self, key_sha256: str) -> Found | None:
        """Look up a device by its key."""
        return found(self._read(FIND_ONE, key_sha256))

    async def is_denied(self, key_sha256: str) -> bool:
        """Whether the key must not come back."""
        return bool(self._read(f"{DENIED} ?", key_sha256))

    def seen(self, device_pk: int, at: int) -> None:
        """Note that a device was here."""
        self._last_seen.note(device_pk, at)

    async def close(self) -> None:
        """Write what is noted, and close the file."""
        await self._last_seen.close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _read(self, statement: str, key_sha256: str) -> list[tuple[object, ...]]:
        if self._reader is None:
            raise DatabaseUnavailableError("the database is not open")
        try:
            return self._reader.execute(statement, (key_sha256,)).fetchall()
        except sqlite3.Error as e:
            raise _unavailable(e) from e

    def _write_seen(self, batch: Batch) -> None:
        """In a thread, as it may have to wait for another writer."""
        # once in half a second: a connection of its own each time is simpler than one to keep
        with self._lock, _translated():
            connection = _connect(self._path, _WRITE_BUSY_MS)
            try:
                # no sync: a power cut may take the last moments of this table, and nothing else
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_SEEN, ({"pk": pk, "at": at} for pk, at in batch))
                connection.execute("COMMIT")
            finally:
                connection.close()


def _connect(path: str, busy_ms: int) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as e:
        raise _unavailable(e) from e


def _unavailable(e: sqlite3.Error) -> DatabaseUnavailableError:
    return DatabaseUnavailableError(f"the database cannot be used: {e}")
