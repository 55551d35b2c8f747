"""For those who look after the server: is it well, is it ready, what does it do."""

import asyncio
from ipaddress import ip_address

from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ota_server.database.database import Database
from ota_server.errors import DatabaseUnavailableError, NotPublishedError, PublishedFolderError
from ota_server.files.store import FileStore
from ota_server.web.metrics import MEDIA_TYPE, Metrics
from ota_server.web.peer import ADDRESS_HEADER
from ota_server.web.problem import not_found, unavailable

_NO_STORE = {"cache-control": "no-store"}


class Health:
    """``/healthz``, ``/readyz`` and ``/metrics``.

    Args:
        store: holds the published files.
        database: of the fleet; None without one.
        metrics: for Prometheus.
        metrics_for_all: answer ``/metrics`` to others than this machine too.
    """

    def __init__(
        self, store: FileStore, database: Database | None, metrics: Metrics, *, metrics_for_all: bool
    ) -> None:
        self._store = store
        self._database = database
        self._metrics = metrics
        self._metrics_for_all = metrics_for_all

    def routes(self) -> list[Route]:
        """The doors."""
        return [
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/metrics", self._metrics_text),
        ]

    async def _healthz(self, _request: Request) -> Response:
        """Whether this process has files to serve."""
        try:
            await self._store.check()
        except NotPublishedError:
            return unavailable(
                "Nothing is published yet: metadata/timestamp.json is missing; run `ota-sign publish`."
            )
        except PublishedFolderError as e:
            return unavailable(f"{e}.")
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)

    async def _readyz(self, request: Request) -> Response:
        """Whether it can do all of its work: a balancer sends requests elsewhere if not."""
        if self._database is not None:
            try:
                await asyncio.to_thread(_ask, self._database)
            except DatabaseUnavailableError as e:
                return unavailable("The database does not answer.", e.code)
        return await self._healthz(request)

    async def _metrics_text(self, request: Request) -> Response:
        if not self._metrics_for_all and not _is_local(request):
            return not_found()
        try:
            content = await asyncio.to_thread(self._metrics.render)
        except DatabaseUnavailableError as e:
            return unavailable("The database does not answer.", e.code)
        return Response(content, headers=_NO_STORE, media_type=MEDIA_TYPE)


def _ask(database: Database) -> None:
    with database.read() as connection:
        connection.execute(text("SELECT 1"))


def _is_local(request: Request) -> bool:
    """Whether it came from this machine, and was not forwarded for another one.

    A proxy's own address is local, and that of a Unix socket is none. What a header says only ever takes
    away.
    """
    hosts = request.headers.getlist(ADDRESS_HEADER.decode())
    if request.client is not None and request.client.host:
        hosts.append(request.client.host)
    return all(map(_is_loopback, hosts))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
