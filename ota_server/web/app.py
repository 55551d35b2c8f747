"""Wiring: which path leads where."""

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from ota_client.protocol import PREFIX
from ota_server.files.opening import open_store
from ota_server.files.store import FileStore
from ota_server.settings import ServerSettings
from ota_server.web.access_log import AccessLog
from ota_server.web.counted import Counted
from ota_server.web.device_api import DeviceApi, FleetParts
from ota_server.web.health import Health
from ota_server.web.limits import Limits
from ota_server.web.metrics import Metrics
from ota_server.web.problem import HANDLERS
from ota_server.web.repository_files import RepositoryFiles

_NAMES = ("healthz", "readyz", "metrics", "metadata", "targets")
_DEVICES = f"{PREFIX}/".encode()


def make_app(
    settings: ServerSettings, store: FileStore | None = None, fleet: FleetParts | None = None
) -> ASGIApp:
    """Wire the application together.

    Args:
        settings: of the server.
        store: holds the published files; None means what the settings name.
        fleet: what the device API is made of; None means files only.
    """
    store = store or open_store(settings.published, settings.bucket)
    metrics = Metrics()
    most = settings.limit_concurrency
    app: ASGIApp = Limits(_files(settings, store, fleet, metrics), requests_most=most)
    if fleet:
        metrics.watch(fleet.database, fleet.lookup)
        # counted apart: slow downloads must not keep devices from reporting (B07)
        devices = Limits(DeviceApi(fleet, metrics), requests_most=most, takes_bodies=True)
        app = _Doors(app, devices)
    return AccessLog(app) if settings.access_log else app


def _files(
    settings: ServerSettings, store: FileStore, fleet: FleetParts | None, metrics: Metrics
) -> ASGIApp:
    database = fleet.database if fleet else None
    health = Health(store, database, metrics, metrics_for_all=settings.metrics)
    files = RepositoryFiles(store)
    routes = [*health.routes(), Mount("/metadata", files), Mount("/targets", files)]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    # A path has one spelling: no redirect from another.
    app.router.redirect_slashes = False
    return Counted(app, metrics, known=_NAMES)


class _Doors:
    """The device API before everything else: it is what is asked most."""

    def __init__(self, files: ASGIApp, devices: ASGIApp) -> None:
        self._files = files
        self._devices = devices

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_device = scope["raw_path"].startswith(_DEVICES)
        await (self._devices if is_device else self._files)(scope, receive, send)
