"""What a connection may cost: uvicorn bounds neither a request's head nor a client's patience (B07)."""

from asyncio import TimerHandle
from asyncio import Transport as AsyncioTransport
from dataclasses import dataclass
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of one connection.

    Attributes:
        connections_most: open connections; more are closed at once.
        head_most_bytes: request line and headers.
        head_timeout_s: to send them, also after the connection was made.
        drain_timeout_s: to take what fills the socket: some 256 KiB, so some 2 kB/s.
    """

    connections_most: int
    head_most_bytes: int = 16 * 1024
    head_timeout_s: float = 20
    drain_timeout_s: float = 120


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with bounds; whoever passes one is cut off."""

    limits: ClassVar[ConnectionLimits]
    _head_bytes = 0
    _head_timer: TimerHandle | None = None
    _drain_timer: TimerHandle | None = None

    def connection_made(self, transport: AsyncioTransport) -> None:  # type: ignore[override] # as in uvicorn
        """Take the connection, if there is room."""
        super().connection_made(transport)
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
        self._head_bytes += len(data) if self._head_timer else 0
        if self._head_bytes > self.limits.head_most_bytes:
            self.send_400_response("The request's head is too long.")
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start the clock for a head on a kept connection."""
        super().on_message_begin()
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Stop the clock."""
        self._stop(self._head_timer)
        self._head_timer = None
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Start the clock for a client that does not take what it asked for."""
        super().pause_writing()
        self._drain_timer = self.loop.call_later(self.limits.drain_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the clock."""
        self._stop(self._drain_timer)
        super().resume_writing()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.limits.head_timeout_s, self.transport.abort)

    @staticmethod
    def _stop(timer: TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def guarded_protocol(bounds: ConnectionLimits) -> type[GuardedProtocol]:
    """The protocol class for uvicorn, which makes one of it for each connection."""

    class Bounded(GuardedProtocol):
        limits = bounds

    return Bounded
