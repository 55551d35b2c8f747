"""Counts what crosses a loopback connection: requests one way, bytes the other."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PIECE_BYTES = 256 * 1024


@dataclass(slots=True)
class Traffic:
    """What went through a relay.

    Attributes:
        paths: of the requests, in order.
        received_bytes: what the client received: status lines, headers and bodies.
        head_bytes: of these, status lines and headers.
    """

    paths: list[str] = field(default_factory=list)
    received_bytes: int = 0
    head_bytes: int = 0

    @property
    def body_bytes(self) -> int:
        """What the client received without status lines and headers."""
        return self.received_bytes - self.head_bytes

    def count_requests(self, data: bytes) -> None:
        """Count requests: those without a body, each sent at once, as a device's are."""
        lines = [line for line in data.decode("latin-1").splitlines() if line.startswith("GET ")]
        self.paths += [line.split()[1] for line in lines]

    def count_answer(self, data: bytes) -> None:
        """Count a piece of an answer."""
        self.received_bytes += len(data)
        if data.startswith(b"HTTP/1.1 "):
            self.head_bytes += data.index(b"\r\n\r\n") + 4


@contextmanager
def relay(server_url: str, traffic: Traffic) -> Iterator[str]:
    """Stand between a client and the server at ``server_url``; gives the address to use instead."""
    address = urlsplit(server_url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = (address.hostname or "", address.port or 80)
        threading.Thread(target=_accept, args=(listener, server, traffic), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server: tuple[str, int], traffic: Traffic) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        upstream = socket.create_connection(server)
        for source, sink, count in (
            (client, upstream, traffic.count_requests),
            (upstream, client, traffic.count_answer),
        ):
            threading.Thread(target=_copy, args=(source, sink, count), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket, count: Callable[[bytes], None]) -> None:
    with suppress(OSError):
        while data := source.recv(_PIECE_BYTES):
            count(data)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
