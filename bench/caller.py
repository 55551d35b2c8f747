"""Devices that ask: over connections that are kept, or over a new one for each request."""

import socket
import ssl
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

AT_ONCE: Final = 16
_TIMEOUT_S: Final = 60
_END_OF_HEAD: Final = b"\r\n\r\n"
_OK: Final = b"HTTP/1.1 200 "

Connect = Callable[[], socket.socket]


class NotAnsweredError(Exception):
    """The server answered something else than 200."""


def over_kept_connections(
    connect: Connect, requests: Iterable[bytes], *, at_once: int = AT_ONCE
) -> None:
    """Ask over a few connections at once, each request after the last one's answer.

    Raises:
        NotAnsweredError: an answer is not 200.
    """
    left = iter(requests)
    connections = [connect() for _ in range(at_once)]
    while batch := list(islice(left, at_once)):
        used = connections[: len(batch)]
        for connection, request in zip(used, batch, strict=True):
            connection.sendall(request)
        for connection in used:
            _read_answer(connection)
    for connection in connections:
        connection.close()


def over_new_connections(connect: Connect, requests: Iterable[bytes]) -> None:
    """Connect anew for each request; raises as ``over_kept_connections``."""
    for request in requests:
        with connect() as connection:
            connection.sendall(request)
            _read_answer(connection)


def to_socket(path: str) -> Connect:
    """To a Unix socket, as a proxy does."""

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_TIMEOUT_S)
        connection.connect(path)
        return connection

    return connect


def to_port(port: int) -> Connect:
    """To a port of this machine."""
    return lambda: socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)


def over_tls(port: int, context: ssl.SSLContext, *, resumed: bool) -> Connect:
    """To a port of this machine, with a whole handshake each time, or one that resumes a session."""
    session: ssl.SSLSession | None = None

    def connect() -> socket.socket:
        nonlocal session
        plain = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
        return context.wrap_socket(plain, server_hostname="localhost", session=session)

    if resumed:
        with context.wrap_socket(to_port(port)(), server_hostname="localhost") as first:
            first.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            # TLS 1.3 hands the ticket out after the handshake
            _read_answer(first)
            session = first.session
        with connect() as second:
            if not isinstance(second, ssl.SSLSocket) or not second.session_reused:
                raise NotAnsweredError("the server did not resume a session")
    return connect


def _read_answer(connection: socket.socket) -> None:
    answer = connection.recv(65536)
    while _END_OF_HEAD not in answer or not _is_whole(answer):
        piece = connection.recv(65536)
        if not piece:
            break
        answer += piece
    if not answer.startswith(_OK):
        raise NotAnsweredError(f"expected 200, got {answer[:200]!r}")


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(_END_OF_HEAD)
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
    return len(body) >= int(length or 0)
