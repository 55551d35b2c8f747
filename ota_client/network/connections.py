"""Connections that pass every byte by the wire guard.

The guard sits below the HTTP parser, at each read from the socket, so that a drip in the status line, in
the headers or between two chunks is noticed like one in the body.
"""

import io
from contextvars import ContextVar
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from socket import socket
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from ota_client.network.wire_guard import WireGuard

_BUFFER_BYTES = 64 * 1024

# The guard of the request that is under way in this context: the connection classes below are made by
# urllib3's pools, which have no way to hand an argument down to one answer.
CURRENT_GUARD: ContextVar[WireGuard] = ContextVar("wire-guard")


class _GuardedReads(io.RawIOBase):
    """A socket's raw reads, each accounted for."""

    def __init__(self, raw: io.RawIOBase, guard: WireGuard) -> None:
        self._raw = raw
        self._guard = guard
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - typeshed's WriteableBuffer is private
        began_s = self._guard.clock()
        try:
            got: int | None = self._raw.readinto(memoryview(buffer)[: self._guard.piece_bytes])
        except OSError:
            # Silence until the timeout: the deadline counts it, but it says nothing of a rate.
            self._guard.spend(self._guard.clock() - began_s)
            raise
        self._guard.account(self._guard.clock() - began_s, got or 0)
        self.ended = not got
        return got

    def close(self) -> None:
        self._raw.close()
        super().close()


class _GuardedAnswer(HTTPResponse):
    """An answer whose every read from the socket, headers included, passes the guard."""

    def __init__(
        self, sock: socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        # Not yet read from: nothing is lost with the plain reader.
        self.fp.close()
        self._reads = _GuardedReads(sock.makefile("rb", buffering=0), CURRENT_GUARD.get())
        self.fp = io.BufferedReader(self._reads, _BUFFER_BYTES)

    def begin(self) -> None:
        # http.client takes a head that is cut short for a whole one: an answer without a length, whose
        # body then is empty, and the verifier would raise an alarm over it (A32).
        try:
            super().begin()
        except HTTPException:
            if not self._reads.ended:
                raise
        if self._reads.ended:
            raise RemoteDisconnected("the connection ended within the head")


class _GuardedHttpConnection(HTTPConnection):
    response_class = _GuardedAnswer


class _GuardedHttpsConnection(HTTPSConnection):
    response_class = _GuardedAnswer


class _GuardedHttpPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHttpConnection


class _GuardedHttpsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHttpsConnection


GUARDED_POOLS: dict[str, type[HTTPConnectionPool]] = {
    "http": _GuardedHttpPool,
    "https": _GuardedHttpsPool,
}
