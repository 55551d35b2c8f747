"""Wiring: which path leads where."""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from ota_server.errors import NotPublishedError, PublishedFolderError
from ota_server.published import PublishedFolder
from ota_server.settings import ServerSettings
from ota_server.web.access_log import AccessLog
from ota_server.web.limits import Limits
from ota_server.web.problem import HANDLERS, unavailable
from ota_server.web.repository_files import RepositoryFiles


def make_app(settings: ServerSettings) -> ASGIApp:
    """Wire the application together."""
    folder = PublishedFolder(settings.published)

    async def healthz(_request: Request) -> Response:
        try:
            await asyncio.to_thread(folder.check)
        except NotPublishedError:
            return unavailable("metadata/timestamp.json is not published: run `ota-sign publish`.")
        except PublishedFolderError as e:
            return unavailable(f"{e}.")
        return JSONResponse({"status": "ok"}, headers={"cache-control": "no-store"})

    files = RepositoryFiles(folder)
    routes = [Route("/healthz", healthz), Mount("/metadata", files), Mount("/targets", files)]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    # A path has one spelling: no redirect from another.
    app.router.redirect_slashes = False
    limited = Limits(app, requests_most=settings.limit_concurrency)
    return AccessLog(limited) if settings.access_log else limited
