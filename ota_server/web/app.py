"""Wiring: which path leads where."""

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from ota_client.errors import ConfigError
from ota_client.protocol import PREFIX
from ota_server.catalog import Catalog
from ota_server.files.opening import open_store
from ota_server.files.store import FileStore
from ota_server.notify.mail import UNSUBSCRIBE
from ota_server.notify.means import Means
from ota_server.operators.oidc.flow import open_flow
from ota_server.operators.password import Passwords
from ota_server.settings import OperatorSettings, ServerSettings
from ota_server.uploads.opening import open_uploads
from ota_server.web.access_log import AccessLog
from ota_server.web.api.operator_api import OperatorApi
from ota_server.web.api.parts import ApiParts
from ota_server.web.api.route import PREFIX as API_PREFIX
from ota_server.web.counted import Counted
from ota_server.web.device_api import DeviceApi, FleetParts
from ota_server.web.feeds import FEEDS, Feeds
from ota_server.web.health import Health
from ota_server.web.limits import Limits
from ota_server.web.metrics import Metrics
from ota_server.web.pages.dashboard import Dashboard
from ota_server.web.pages.house import House
from ota_server.web.pages.table import PAGE_NAMES
from ota_server.web.peer import NoPeers
from ota_server.web.problem import HANDLERS
from ota_server.web.rates import AddressRate
from ota_server.web.repository_files import RepositoryFiles
from ota_server.web.uploads import BODY_MOST_BYTES as UPLOAD_BODY_MOST_BYTES
from ota_server.web.uploads import PREFIX as UPLOADS_PREFIX
from ota_server.web.uploads import REQUESTS_MOST as UPLOADS_AT_ONCE
from ota_server.web.uploads import UploadDoor

_NAMES = ("healthz", "readyz", "metrics", "metadata", "targets")
# the largest body that the operator API takes: an advisory's file
_API_BODY_MOST_BYTES = 8 * 1024 * 1024
_FEEDS_AT_ONCE = 16


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
        doors: dict[str, ASGIApp] = {
            PREFIX: Limits(DeviceApi(fleet, metrics), requests_most=most, takes_bodies=True)
        }
        if settings.operators and settings.operators.enabled:
            parts = _api_parts(settings, settings.operators, fleet, catalog_of(settings, store))
            doors |= _upload_door(settings, parts, metrics)
            doors |= _feed_doors(settings, settings.operators, fleet)
            doors[API_PREFIX] = Limits(
                OperatorApi(parts, metrics),
                requests_most=most,
                takes_bodies=True,
                body_most_bytes=_API_BODY_MOST_BYTES,
            )
            doors |= {f"/{name}": app for name in _NAMES}
            app = _pages(settings, settings.operators, parts, metrics)
        app = _Doors(app, doors)
    if not settings.access_log:
        return app
    return AccessLog(app, fleet.peers if fleet else NoPeers())


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


def catalog_of(settings: ServerSettings, store: FileStore) -> Catalog:
    """The published releases, by the root that the settings name.

    Raises:
        ConfigError: it cannot be read.
    """
    root = settings.fleet.root if settings.fleet else None
    try:
        return Catalog(store, root.read_bytes() if root else None)
    except OSError as e:
        raise ConfigError(f"root: {root} cannot be read: {e.strerror}") from e


def _api_parts(
    settings: ServerSettings, operators: OperatorSettings, fleet: FleetParts, catalog: Catalog
) -> ApiParts:
    return ApiParts(
        fleet.database,
        catalog,
        fleet.peers,
        means=Means.load(operators),
        public_url=settings.public_url,
        clock=fleet.clock,
        monotonic=fleet.monotonic,
    )


def _pages(
    settings: ServerSettings, operators: OperatorSettings, parts: ApiParts, metrics: Metrics
) -> ASGIApp:
    """What people see; whatever is nobody else's is theirs."""
    house = House(
        database=parts.database,
        catalog=parts.catalog,
        peers=parts.peers,
        settings=operators,
        passwords=Passwords(),
        means=Means.load(operators),
        url=settings.public_url,
        oidc=open_flow(operators, settings.public_url),
        is_plain=settings.tls is None and settings.host is not None,
        sign_ins=AddressRate(operators.sign_ins_a_minute),
        clock=parts.clock,
        monotonic=parts.monotonic,
    )
    pages = Counted(Dashboard(house), metrics, known=PAGE_NAMES)
    # streams of people who look on stand in nobody's way
    return Limits(pages, requests_most=settings.limit_concurrency, takes_bodies=True)


def _feed_doors(
    settings: ServerSettings, operators: OperatorSettings, fleet: FleetParts
) -> dict[str, ASGIApp]:
    sealer = Means.load(operators).unsubscribing
    feeds = Feeds(
        fleet.database,
        sealer,
        settings.public_url,
        peers=fleet.peers,
        clock=fleet.clock,
        monotonic=fleet.monotonic,
    )
    door = Limits(feeds.app(), requests_most=_FEEDS_AT_ONCE, takes_bodies=True)
    return dict.fromkeys((FEEDS, UNSUBSCRIBE), door)


def _upload_door(settings: ServerSettings, parts: ApiParts, metrics: Metrics) -> dict[str, ASGIApp]:
    root = settings.fleet.root if settings.fleet else None
    uploads = open_uploads(settings.uploads, settings.published, settings.bucket, root)
    if uploads is None:
        return {}
    door = UploadDoor(parts, uploads, metrics)
    return {
        UPLOADS_PREFIX: Limits(
            door,
            requests_most=UPLOADS_AT_ONCE,
            takes_bodies=True,
            body_most_bytes=UPLOAD_BODY_MOST_BYTES,
        )
    }


class _Doors:
    """What has a path of its own before everything else; the device API first: it is asked most.

    Args:
        files: for all other paths.
        doors: by the first part of the path.
    """

    def __init__(self, files: ASGIApp, doors: Mapping[str, ASGIApp]) -> None:
        self._files = files
        self._doors = tuple((prefix.encode(), door) for prefix, door in doors.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw_path = scope["raw_path"]
        for prefix, door in self._doors:
            if raw_path.startswith(prefix) and raw_path[len(prefix) :][:1] in {b"", b"/"}:
                await door(scope, receive, send)
                return
        await self._files(scope, receive, send)
