"""The device's path on PostgreSQL: psycopg in the event loop, prepared, no transaction to end.

Who asks while a question is under way is in the next one, with all others that came meanwhile: the
busier the server, the less a look-up costs. Alone, nobody waits.
"""

import asyncio
from asyncio import Future, Task
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from psycopg import AsyncConnection, Error, OperationalError
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ota_server.checkin.lookup import DENIED, FIND_SOME, Found, found_by_key
from ota_server.checkin.seen import Batch, LastSeen
from ota_server.errors import DatabaseUnavailableError

_CONNECTIONS: Final = 4
_WAIT_S: Final = 5.0
# The join leaves out devices that were removed meanwhile.
_SEEN: Final = """
INSERT INTO device_seen (device_pk, seen_at)
SELECT d.pk, s.at FROM unnest(%(pks)s::int[], %(ats)s::bigint[]) AS s (pk, at)
  JOIN devices d ON d.pk = s.pk
ON CONFLICT (device_pk) DO UPDATE SET seen_at = greatest(device_seen.seen_at, excluded.seen_at)
"""

_Connection: TypeAlias = AsyncConnection[TupleRow]


class PostgresqlLookup:
    """Looks up over a few connections of its own.

    Args:
        conninfo: as libpq takes it, ``postgresql://...``; its tables are there.
    """

    def __init__(self, conninfo: str) -> None:
        self._pool = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_WAIT_S,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": 0},
        )
        self._waiting: list[tuple[str, Future[Found | None]]] = []
        self._asking: Task[None] | None = None
        self._last_seen = LastSeen(self._write_seen)

    @property
    def unwritten(self) -> int:
        """How many devices' last check-in is not yet written."""
        return len(self._last_seen)

    async def open(self) -> None:
        """Connect."""
        async with _translated():
            await self._pool.open(wait=True, timeout=_WAIT_S)

    async def find(self, key_sha256: str) -> Found | None:
        """Look up a device by its key."""
        loop = asyncio.get_running_loop()
        answer: Future[Found | None] = loop.create_future()
        self._waiting.append((key_sha256, answer))
        if self._asking is None:
            self._asking = loop.create_task(self._ask())
        return await answer

    async def is_denied(self, key_sha256: str) -> bool:
        """Whether the key must not come back."""
        async with self._connection() as connection:
            cursor = await connection.execute(f"{DENIED} %s", (key_sha256,))
            return await cursor.fetchone() is not None

    def seen(self, device_pk: int, at: int) -> None:
        """Note that a device was here."""
        self._last_seen.note(device_pk, at)

    async def close(self) -> None:
        """Write what is noted, and disconnect."""
        await self._last_seen.close()
        await self._pool.close()

    async def _ask(self) -> None:
        """Ask for all that wait, until nobody does."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            known: dict[str, Found] | Exception
            try:
                known = await self._find(list({key for key, _ in batch}))
            except Exception as e:  # noqa: BLE001 - whoever waits gets it, whatever it is
                known = e
            for key, answer in batch:
                # who hung up meanwhile has cancelled his
                if answer.done():
                    continue
                if isinstance(known, Exception):
                    answer.set_exception(known)
                else:
                    answer.set_result(known.get(key))
        self._asking = None

    async def _find(self, keys: list[str]) -> dict[str, Found]:
        async with self._connection() as connection:
            cursor = await connection.execute(FIND_SOME, (keys,))
            return found_by_key(await cursor.fetchall())

    async def _write_seen(self, batch: Batch) -> None:
        pks, ats = zip(*batch, strict=True)
        async with self._connection() as connection:
            await connection.execute(_SEEN, {"pks": list(pks), "ats": list(ats)})

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        """One of the pool, given back as it is: there is no transaction to end."""
        async with _translated():
            connection = await self._pool.getconn()
            try:
                # a network that swallows the question must not hold up everybody for ever
                async with asyncio.timeout(_WAIT_S):
                    yield connection
            finally:
                await self._pool.putconn(connection)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (PoolTimeout, TimeoutError) as e:
        raise DatabaseUnavailableError("the database does not answer") from e
    except OperationalError as e:
        raise DatabaseUnavailableError("the connection to the database is gone") from e
    except Error as e:
        line = (str(e).splitlines() or ["no reason given"])[0][:200]
        raise DatabaseUnavailableError(f"the database cannot be used: {line}") from e
