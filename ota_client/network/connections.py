"""Connections that pass every byte by the wire guard.

The guard sits below the HTTP parser, at each read from the socket, so that a drip in the status line, in
the headers or between two chunks is noticed like one in the body.
"""

import io
from contextvars import ContextVar
from http.client import HTTPResponse
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

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - typeshed's WriteableBuffer is private
        began_s = self._guard.clock()
        got: int | None = self._raw.readinto(buffer)
        self._guard.account(self._guard.clock() - began_s, got or 0)
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
        raw = sock.makefile("rb", buffering=0)
        self.fp = io.BufferedReader(_GuardedReads(raw, CURRENT_GUARD.get()), _BUFFER_BYTES)


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
