"""Listening, and stopping when told to."""

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import uvicorn

from ota_client.errors import ConfigError
from ota_server.settings import ServerSettings, TlsFiles
from ota_server.web.api.streams import CLOSING
from ota_server.web.connections import ConnectionLimits, GuardedProtocol, guarded_protocol
from ota_server.web.default_headers import DefaultHeaders
from ota_server.web.listeners import Listener, listen_on_network, listen_on_socket
from ota_server.web.service import Service
from ota_server.web.tls import server_context

_log = logging.getLogger(__name__)

_KEEP_ALIVE_S = 20
# a device on a slow line makes a handshake within a few round trips
_HANDSHAKE_S = 10
_SHUTDOWN_S = 5
_LAST_DOWNLOADS_S = 20
# Most connections idle between two requests of a device, or are about to be closed.
_CONNECTIONS_A_REQUEST = 4


def serve(settings: ServerSettings, now: datetime, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests under way may end. SIGHUP reads the certificate anew.

    Args:
        settings: what to serve, where.
        now: UTC, at the start.
        on_ready: gets the server's address once it listens.

    Raises:
        ConfigError: the certificate or its key, the device authority or the bucket cannot be used.
        ListenError: the address is taken or not this machine's.
        SchemaError: the database was made by an older or newer version.
        DatabaseUnavailableError: the database does not answer.
    """
    with ExitStack() as stack:
        service = stack.enter_context(Service.opened(settings, now))
        context = _context(settings, service, now)
        listeners = _listen(settings, context)
        for listener in listeners:
            stack.callback(listener.close)
        server = _Server(_config(service, settings.tls), _protocol(settings), listeners, on_ready)
        asyncio.run(_serve(server, service, settings.tls, context))


async def _serve(
    server: "_Server", service: Service, files: TlsFiles | None, context: ssl.SSLContext | None
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    loop.add_signal_handler(signal.SIGHUP, _reload, files, context)
    async with service.running():
        await server.serve()


class _Server(uvicorn.Server):
    """Listens on several sockets, says when it does, and leaves signals to us."""

    def __init__(
        self,
        config: uvicorn.Config,
        protocol: type[GuardedProtocol],
        listeners: Sequence[Listener],
        on_ready: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self._protocol = protocol
        self._listeners = listeners
        self._on_ready = on_ready
        # answers that go on for ever end by it
        self._closing = asyncio.Event()

    async def startup(self, sockets: object = None) -> None:  # noqa: ARG002 - ours are not uvicorn's
        await super().startup([])
        loop = asyncio.get_running_loop()

        def protocol() -> GuardedProtocol:
            state = {CLOSING: self._closing}
            return self._protocol(config=self.config, server_state=self.server_state, app_state=state)

        for listener in self._listeners:
            self.servers.append(
                await loop.create_server(
                    protocol,
                    sock=listener.socket,
                    ssl=listener.context,
                    # before it is over, nobody counts the connection (B07)
                    ssl_handshake_timeout=_HANDSHAKE_S if listener.context else None,
                    ssl_shutdown_timeout=_SHUTDOWN_S if listener.context else None,
                    backlog=self.config.backlog,
                )
            )
        for listener in self._listeners:
            self._on_ready(listener.address)

    def stop(self) -> None:
        """Let requests under way end; asked again, do not wait for them."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._closing.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again after its clean stop: it has been obeyed by then
        yield


def _protocol(settings: ServerSettings) -> type[GuardedProtocol]:
    most = _CONNECTIONS_A_REQUEST * settings.limit_concurrency
    return guarded_protocol(ConnectionLimits(connections_most=most))


def _config(service: Service, tls: TlsFiles | None) -> uvicorn.Config:
    headers = {"x-content-type-options": "nosniff"}
    if tls is not None:
        # whoever came by TLS once never comes without it again (RFC 6797, B09)
        headers["strict-transport-security"] = "max-age=31536000"
    return uvicorn.Config(
        DefaultHeaders(service.app, headers),
        interface="asgi3",
        ws="none",
        loop="asyncio",
        lifespan="off",
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_LAST_DOWNLOADS_S,
        # No header of the network is believed (B14).
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
    )


def _listen(settings: ServerSettings, context: ssl.SSLContext | None) -> list[Listener]:
    listeners = []
    if settings.host is not None:
        listeners.append(
            listen_on_network(settings.host, settings.port, context, reuse_port=settings.reuse_port)
        )
    if settings.socket is not None:
        listeners.append(listen_on_socket(settings.socket))
    return listeners


def _context(settings: ServerSettings, service: Service, now: datetime) -> ssl.SSLContext | None:
    if settings.tls is not None:
        return server_context(settings.tls, now, service.client_authorities)
    if settings.host is not None:
        _log.warning(
            "plain HTTP: whoever listens learns which device runs what; "
            "signatures still protect what is installed"
        )
    return None


def _reload(files: TlsFiles | None, context: ssl.SSLContext | None) -> None:
    """Take a renewed certificate for new connections; a bad one is told of, and the old one stays."""
    if files is None or context is None:
        return
    try:
        # tried apart first: a context must not be left with the one's certificate and the other's key
        server_context(files, datetime.now(UTC))
        context.load_cert_chain(files.certificate, files.key, password="")
    except (ConfigError, OSError) as e:
        _log.error("the certificate is not read anew: %s", e)
    else:
        _log.info("the certificate was read anew: %s", files.certificate)
