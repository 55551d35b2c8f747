"""A server of one route that says whom it takes its client for: our protocol class under uvicorn."""

import asyncio
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from ota_server.devices.identity import key_sha256
from ota_server.web.connections import ConnectionLimits, guarded_protocol


@dataclass
class WhoAmI:
    address: tuple | str

    @property
    def url(self):
        return f"https://127.0.0.1:{self.address[1]}/"


def application(peers):
    async def app(scope, _receive, send):
        der = peers.certificate_der(scope)
        answer = {"key": der and key_sha256(der), "address": peers.address(scope)}
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return app


@contextmanager
def whoami_server(peers, *, context: ssl.SSLContext | None = None, unix_socket=None):
    """Runs in a thread until the end of the block."""
    listener = _listen(unix_socket)
    config = uvicorn.Config(
        application(peers),
        http=guarded_protocol(ConnectionLimits(connections_most=64)),
        ws="none",
        loop="asyncio",
        lifespan="off",
        proxy_headers=False,
        log_config=None,
        access_log=False,
        ssl_context_factory=(lambda _config, _default: context) if context else None,
    )
    server, ready = uvicorn.Server(config), threading.Event()
    startup = server.startup

    async def started(sockets=None):
        await startup(sockets)
        ready.set()

    server.startup = started
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        assert ready.wait(30)
        yield WhoAmI(listener.getsockname())
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _listen(unix_socket):
    if unix_socket is None:
        return socket.create_server(("127.0.0.1", 0))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(unix_socket))
    unix_socket.chmod(0o666)
    listener.listen()
    return listener
