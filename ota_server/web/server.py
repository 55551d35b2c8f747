"""Listening, and stopping when told to."""

import logging
import signal
import socket
import ssl
from collections.abc import Callable
from datetime import datetime
from types import FrameType

import uvicorn

from ota_server.errors import ListenError
from ota_server.settings import ServerSettings
from ota_server.web.app import make_app
from ota_server.web.connections import ConnectionLimits, guarded_protocol
from ota_server.web.tls import server_context

_log = logging.getLogger(__name__)

_KEEP_ALIVE_S = 20
_LAST_DOWNLOADS_S = 20
# Most connections idle between two requests of a device, or are about to be closed.
_CONNECTIONS_A_REQUEST = 4


def serve(settings: ServerSettings, now: datetime, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests under way may end.

    Args:
        settings: what to serve, where.
        now: UTC, at the start.
        on_ready: gets the server's address once it listens.

    Raises:
        ConfigError: the certificate or its key cannot be used.
        ListenError: the address is taken or not this machine's.
    """
    if settings.tls is None:
        context = None
        _log.warning(
            "plain HTTP: whoever listens learns which device runs what; "
            "signatures still protect what is installed"
        )
    else:
        context = server_context(settings.tls, now)
    with _listen(settings.host, settings.port) as listener:
        server = _Server(_config(settings, context), lambda: on_ready(_address(listener, context)))
        # uvicorn raises the signal again after its clean stop: it has been obeyed by then.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _obeyed)
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


def _config(settings: ServerSettings, context: ssl.SSLContext | None) -> uvicorn.Config:
    limits = ConnectionLimits(connections_most=_CONNECTIONS_A_REQUEST * settings.limit_concurrency)
    return uvicorn.Config(
        make_app(settings),
        interface="asgi3",
        http=guarded_protocol(limits),
        ws="none",
        loop="asyncio",
        lifespan="off",
        ssl_context_factory=(lambda _config, _default: context) if context else None,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_LAST_DOWNLOADS_S,
        # No header of the network is believed (B14).
        proxy_headers=False,
        server_header=False,
        headers=[("x-content-type-options", "nosniff")],
        access_log=False,
        log_config=None,
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family)
    except OSError as e:
        raise ListenError(
            f"{host}:{port} cannot be listened on: {e.strerror}; choose with --host and --port"
        ) from e
    # Connections inherit it. asyncio sets it only for sockets made with IPPROTO_TCP by name, and without
    # it each small answer waits 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(listener: socket.socket, context: ssl.SSLContext | None) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if context else 'http'}://{shown}:{port}"


def _obeyed(_number: int, _frame: FrameType | None) -> None:
    pass
