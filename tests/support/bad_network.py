"""A TCP proxy that breaks connections after so many bytes, slowly or at once; repeatable to the byte."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import chain, repeat


class Ending(Enum):
    """How a connection ends."""

    CLOSE = "as if the server had ended it"
    RESET = "by a reset"
    HOLE = "in silence: nothing comes any more"


@dataclass(frozen=True)
class Cut:
    """A connection ends after so many bytes of the server's answers."""

    after_bytes: int
    ending: Ending = Ending.RESET


@dataclass(frozen=True)
class Wire:
    """How bytes pass; the times are real, so keep them short."""

    slice_bytes: int = 65536
    latency_s: float = 0
    rate_bytes_s: float | None = None


class BadNetwork:
    """Stands between a client and a server on this machine.

    Args:
        server_port: of the server.
        cuts: one a connection, in their order; connections beyond them are whole.
        wire: of all connections.
        address: where to listen; port 0 is any.

    Attributes:
        connections, cuts, sent_bytes: what passed so far; bytes are the server's answers.
    """

    def __init__(
        self,
        server_port: int,
        cuts: Iterable[Cut | None] = (),
        *,
        wire: Wire = Wire(),
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self._server_port, self._coming, self._wire = server_port, chain(cuts, repeat(None)), wire
        self._lock = threading.Lock()
        self.connections = self.cuts = self.sent_bytes = 0
        self.listener = socket.create_server(address)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{address[0]}:{self.port}"

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                cut = next(self._coming)
            threading.Thread(target=self._pass_on, args=(client, cut), daemon=True).start()

    def _pass_on(self, client: socket.socket, cut: Cut | None) -> None:
        with contextlib.suppress(OSError), client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with socket.create_connection(("127.0.0.1", self._server_port)) as server:
                requests = threading.Thread(target=self._requests, args=(client, server), daemon=True)
                requests.start()
                if self._answers(server, client, cut) is Ending.HOLE:
                    # until the client has had enough
                    requests.join(20)
                # a socket that another thread reads is not closed until that one wakes
                client.shutdown(socket.SHUT_RD)
                requests.join(5)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                time.sleep(self._wire.latency_s)
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def _answers(self, server: socket.socket, client: socket.socket, cut: Cut | None) -> Ending | None:
        left = cut.after_bytes if cut else 2**62
        while left and (data := server.recv(min(self._wire.slice_bytes, left))):
            if self._wire.rate_bytes_s:
                time.sleep(len(data) / self._wire.rate_bytes_s)
            left -= len(data)
            # before it is sent: whoever got it may look at once
            with self._lock:
                self.sent_bytes += len(data)
            client.sendall(data)
        if not cut or left:
            return None
        with self._lock:
            self.cuts += 1
        if cut.ending is Ending.RESET:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif cut.ending is Ending.CLOSE:
            client.shutdown(socket.SHUT_WR)
        return cut.ending


@contextmanager
def bad_network(*args, **kwargs) -> Iterator[BadNetwork]:
    """Run a ``BadNetwork``."""
    network = BadNetwork(*args, **kwargs)
    thread = threading.Thread(target=network.accept, daemon=True)
    thread.start()
    try:
        yield network
    finally:
        network.listener.shutdown(socket.SHUT_RDWR)
        network.listener.close()
        thread.join(5)
