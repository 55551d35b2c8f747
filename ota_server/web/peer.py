"""Whose request this is: where a client certificate may come from, and where not (B03, B14).

No ASGI server that is released hands the client certificate on. So there are two ways behind one
interface, and a third that denies; ADR 0015.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ssl import PEM_cert_to_DER_cert
from typing import Final, Protocol
from urllib.parse import unquote

from starlette.types import Scope

from ota_server.devices.anchors import Anchors
from ota_server.errors import UnauthenticatedError

_log = logging.getLogger(__name__)

EXTENSION: Final = "ratchet.peer"
# what nginx sets from $ssl_client_escaped_cert and $remote_addr, over whatever the client sent
CERTIFICATE_HEADER: Final = b"x-client-certificate"
ADDRESS_HEADER: Final = b"x-real-ip"
_UNKNOWN_ADDRESS = "-"


@dataclass(frozen=True, slots=True)
class Peer:
    """What the connection itself tells of its other end, once.

    Attributes:
        certificate_der: the client certificate of a TLS connection that ends here.
        uid: the user at the other end of a Unix socket, as the kernel says.
    """

    certificate_der: bytes | None = None
    uid: int | None = None


_NOBODY = Peer()


def peer_of(scope: Scope) -> Peer:
    """What the protocol class noted of this request's connection."""
    peer = scope.get("extensions", {}).get(EXTENSION, _NOBODY)
    return peer if isinstance(peer, Peer) else _NOBODY


class PeerSource(Protocol):
    """Tells whose certificate a request came with."""

    def certificate_der(self, scope: Scope) -> bytes | None:
        """The verified client certificate; None if there is none that can be believed."""

    def address(self, scope: Scope) -> str:
        """The address that the request came from; ``-`` if it is not known."""


class NoPeers:
    """Believes nobody: what is not configured is denied."""

    def certificate_der(self, scope: Scope) -> bytes | None:  # noqa: ARG002 - as PeerSource says
        """None."""
        return None

    def address(self, scope: Scope) -> str:
        """The connection's."""
        return _connected(scope)


class NativePeers:
    """Believes the TLS connection that ends in this process. Headers are not looked at.

    Args:
        anchors: who issues client certificates.
        clock: UTC.
    """

    def __init__(self, anchors: Anchors, clock: Callable[[], datetime]) -> None:
        self._anchors = anchors
        self._clock = clock

    def certificate_der(self, scope: Scope) -> bytes | None:
        """The certificate of the connection's handshake, if it is valid still."""
        return _verified(self._anchors, peer_of(scope).certificate_der, self._clock())

    def address(self, scope: Scope) -> str:
        """The connection's."""
        return _connected(scope)


class ProxyPeers:
    """Believes a proxy on this machine: a process of one user, at the other end of a Unix socket.

    Args:
        anchors: who issues client certificates; the proxy's word is not enough.
        clock: UTC.
        uid: of the proxy's processes.
    """

    def __init__(self, anchors: Anchors, clock: Callable[[], datetime], *, uid: int) -> None:
        self._anchors = anchors
        self._clock = clock
        self._uid = uid

    def certificate_der(self, scope: Scope) -> bytes | None:
        """The certificate that the proxy forwards."""
        forwarded = _header(scope, CERTIFICATE_HEADER)
        if forwarded is None:
            return None
        if not self._is_proxy(scope):
            _log.warning("a client certificate in a header did not come from the proxy: refused (B14)")
            return None
        return _verified(self._anchors, _from_nginx(forwarded), self._clock())

    def address(self, scope: Scope) -> str:
        """What the proxy says, or the connection's."""
        said = _header(scope, ADDRESS_HEADER) if self._is_proxy(scope) else None
        return said.decode("latin-1")[:64] if said else _connected(scope)

    def _is_proxy(self, scope: Scope) -> bool:
        return peer_of(scope).uid == self._uid


def _verified(anchors: Anchors, der: bytes | None, now: datetime) -> bytes | None:
    if der is None:
        return None
    try:
        anchors.verify(der, now)
    except UnauthenticatedError as e:
        _log.warning("%s", e)
        return None
    return der


def _from_nginx(escaped: bytes) -> bytes | None:
    """``$ssl_client_escaped_cert``: PEM, with the bytes that a header cannot hold as %XX."""
    try:
        return PEM_cert_to_DER_cert(unquote(escaped.decode("ascii"), errors="strict"))
    except ValueError:
        _log.warning("the proxy's certificate header cannot be read: expected $ssl_client_escaped_cert")
        return None


def _header(scope: Scope, name: bytes) -> bytes | None:
    """A header that is there once; two are a request that somebody added to."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[0] if len(values) == 1 else None


def _connected(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else _UNKNOWN_ADDRESS
