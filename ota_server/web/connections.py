"""What a connection may cost, and whose it is.

uvicorn bounds neither a request nor a client's patience (B07), and hands on no client certificate.
"""

import socket
import struct
from asyncio import TimerHandle
from asyncio import Transport as AsyncioTransport
from dataclasses import dataclass
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ota_server.web.peer import EXTENSION, Peer

# struct ucred of unix(7): process, user, group
_UCRED = struct.Struct("3i")
# RFC 4291, 2.5.5.2
_IPV4_MAPPED = "::ffff:"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of one connection.

    Attributes:
        connections_most: open connections; more are closed at once.
        head_most_bytes: request line and headers.
        head_timeout_s: to send them and what body there is, also after the connection was made.
        drain_timeout_s: to take what fills the socket: some 256 KiB, so some 2 kB/s.
    """

    connections_most: int
    head_most_bytes: int = 16 * 1024
    head_timeout_s: float = 20
    drain_timeout_s: float = 120


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with bounds; whoever passes one is cut off."""

    limits: ClassVar[ConnectionLimits]
    _in_head = True
    _head_bytes = 0
    _head_timer: TimerHandle | None = None
    _drain_timer: TimerHandle | None = None

    def connection_made(self, transport: AsyncioTransport) -> None:  # type: ignore[override] # as in uvicorn
        """Take the connection, if there is room."""
        super().connection_made(transport)
        self.client = _as_ipv4(self.client)
        if len(self.connections) > self.limits.connections_most:
            transport.abort()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop(self._head_timer)
        self._stop(self._drain_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, within the most that a head may have."""
        in_head = self._in_head
        super().data_received(data)
        # all of it belongs to the head only if the head began before it and goes on after it
        self._head_bytes += len(data) if in_head and self._in_head else 0
        if self._head_bytes > self.limits.head_most_bytes and not self.transport.is_closing():
            self.send_400_response("The request's head is too long.")

    def on_message_begin(self) -> None:
        """Start the clock for a request on a kept connection."""
        super().on_message_begin()
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Refuse a head that came in one piece and is too long: uvicorn makes 400 of an error."""
        self._in_head = False
        size_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size_bytes > self.limits.head_most_bytes:
            raise ValueError("the request's head is too long")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the clock: the body is there too."""
        self._stop(self._head_timer)
        self._head_timer = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Start the clock for a client that does not take what it asked for."""
        super().pause_writing()
        self._drain_timer = self.loop.call_later(self.limits.drain_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the clock."""
        self._stop(self._drain_timer)
        super().resume_writing()

    def _await_head(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._head_timer = self.loop.call_later(self.limits.head_timeout_s, self.transport.abort)

    @staticmethod
    def _stop(timer: TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


class PeerProtocol(GuardedProtocol):
    """Notes in each request's scope who is at the other end; asked once a connection."""

    _extensions: dict[str, Peer]

    def connection_made(self, transport: AsyncioTransport) -> None:  # type: ignore[override] # as in uvicorn
        """Ask while the handshake is fresh; it is over by now, also TLS 1.3's."""
        self._extensions = {EXTENSION: Peer(_certificate(transport), _uid(transport))}
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """Hand it on with the request."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item] # ours


def _as_ipv4(client: tuple[str, int] | None) -> tuple[str, int] | None:
    """A socket of both kinds writes 192.0.2.7 as ::ffff:192.0.2.7: all of IPv4 would be one network."""
    if client is None or not client[0].startswith(_IPV4_MAPPED):
        return client
    return client[0].removeprefix(_IPV4_MAPPED), client[1]


def _certificate(transport: AsyncioTransport) -> bytes | None:
    tls = transport.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return der if isinstance(der, bytes) else None


def _uid(transport: AsyncioTransport) -> int | None:
    own = transport.get_extra_info("socket")
    if own is None or own.family != socket.AF_UNIX:
        return None
    _, uid, _ = _UCRED.unpack(own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(uid)


def guarded_protocol(bounds: ConnectionLimits) -> type[GuardedProtocol]:
    """The protocol class for uvicorn, which makes one of it for each connection."""

    class Bounded(PeerProtocol):
        limits = bounds

    return Bounded
