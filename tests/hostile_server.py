"""A server of raw sockets that answers exactly what a test tells it to, right or wrong."""

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Script = Callable[[socket.socket, str], None]


@dataclass
class HostileServer:
    url: str
    port: int
    requests: list[str] = field(default_factory=list)


@contextmanager
def hostile_server(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[HostileServer]:
    """Serve one thread a connection: ``script`` gets the socket and each request's head."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = HostileServer(f"{'https' if tls else 'http'}://127.0.0.1:{port}", port)
    threads = [threading.Thread(target=_accept, args=(listener, script, tls, server), daemon=True)]
    threads[0].start()
    try:
        yield server
    finally:
        # shutdown wakes the thread that waits in accept(); close alone would not.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        threads[0].join(5)


def _accept(listener: socket.socket, script: Script, tls: ssl.SSLContext | None, server) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_talk, args=(connection, script, tls, server), daemon=True).start()


def _talk(connection: socket.socket, script: Script, tls: ssl.SSLContext | None, server) -> None:
    # A client that gives up is what most of these tests are about.
    with contextlib.suppress(OSError), connection:
        connection.settimeout(20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talker = tls.wrap_socket(connection, server_side=True) if tls else connection
        with talker:
            while head := _read_head(talker):
                server.requests.append(head)
                script(talker, head)


def _read_head(connection: socket.socket) -> str:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = connection.recv(1)
        if not piece:
            return ""
        data += piece
    return data.decode("latin-1")


def answers(data: bytes, *, close: bool = True) -> Script:
    """A script that sends ``data`` and, unless told otherwise, hangs up."""

    def script(connection: socket.socket, _head: str) -> None:
        connection.sendall(data)
        if close:
            # As a cautious server does: say that no more comes, then wait for the other side.
            connection.shutdown(socket.SHUT_WR)

    return script


def http(body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Bytes of an answer with a Content-Length (of ``length``, if it is to be a lie)."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Drip:
    """A clock and a server in step: one byte goes out for each ``step_s`` of the client's waiting.

    The client reads the clock before and after each read; the server sends a byte for each such pair.
    So the rate is exact, and nobody really waits.
    """

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._now_s = 0.0
        self._ticks = threading.Semaphore(0)

    def clock(self) -> float:
        self._now_s += self._step_s
        self._ticks.release()
        return self._now_s

    def after(self, head: bytes, piece: bytes = b"x") -> Script:
        """A script that sends ``head`` at once and then a ``piece`` a step for ever."""

        def script(connection: socket.socket, _head: str) -> None:
            connection.sendall(head)
            while self._ticks.acquire(timeout=5) and self._ticks.acquire(timeout=5):
                connection.sendall(piece)

        return script


def repository_except(files: dict[str, bytes], ending: str, attack: Script) -> Script:
    """Serve a repository's files as any host does, but those that end so by ``attack``."""

    def script(connection: socket.socket, head: str) -> None:
        path = head.split(" ")[1].removeprefix("/")
        if path.endswith(ending):
            attack(connection, head)
        elif path not in files:
            connection.sendall(http(status="404 Not Found"))
        elif match := re.search(r"Range: bytes=(\d+)-(\d+)", head):
            start, last = int(match[1]), int(match[2])
            part = f"Content-Range: bytes {start}-{last}/{len(files[path])}"
            connection.sendall(http(files[path][start : last + 1], part, status="206 Partial Content"))
        else:
            connection.sendall(http(files[path]))

    return script
