"""Connections to the running server, made as badly as a stranger might make them."""

import ssl
import warnings
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import create_connection
from typing import Final, Self
from urllib.parse import urlsplit

from ota_server.doctor.setup import Handshake
from ota_server.settings import ServerSettings

_TIMEOUT_S: Final = 5.0
_HTTPS: Final = 443
_VERSIONS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
}
_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on


@dataclass(frozen=True, slots=True)
class NetworkProbe:
    """Asks over the network.

    Attributes:
        tls: whether the server speaks it.
    """

    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, settings: ServerSettings) -> Self | None:
        """For the address that the settings name; None if they name none, or leave the port open."""
        if settings.host is None or not settings.port:
            return None
        return cls(_HERE.get(settings.host, settings.host), settings.port, settings.tls is not None)

    @classmethod
    def outside(cls, settings: ServerSettings) -> Self | None:
        """For the address that people use, where another program ends TLS; None if this one does."""
        url = urlsplit(settings.public_url)
        port = url.port or _HTTPS
        if url.scheme != "https" or not url.hostname or (settings.tls and port == settings.port):
            return None
        return cls(url.hostname, port, tls=True)

    def handshake(self, *, newest: str | None = None, ciphers: str | None = None) -> Handshake | None:
        """As ``Probe`` says."""
        try:
            context = _context(newest, ciphers)
        except ssl.SSLError:
            # this machine's own TLS does not know such a thing any more, so it cannot be offered
            return None
        with create_connection((self.host, self.port), timeout=_TIMEOUT_S) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=self.host) as secure:
                    der = secure.getpeercert(binary_form=True) or b""
                    return Handshake(secure.version() or "", der)
            except (ssl.SSLError, ConnectionError):
                return None

    def status(self, method: str, path: str) -> int:
        """As ``Probe`` says."""
        connection = self._connection()
        try:
            connection.request(method, path, body=b"" if method == "GET" else b"{}", headers=_HEADERS)
            return connection.getresponse().status
        except HTTPException as e:
            raise OSError(f"no HTTP: {type(e).__name__}") from e
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        if not self.tls:
            return HTTPConnection(self.host, self.port, timeout=_TIMEOUT_S)
        context = _context(None, None)
        return HTTPSConnection(self.host, self.port, timeout=_TIMEOUT_S, context=context)


_HEADERS: Final = {"Content-Type": "application/json"}


def _context(newest: str | None, ciphers: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # nothing is sent that a stranger may not know, and nothing that comes is believed
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ciphers is not None:
        context.set_ciphers(ciphers)
    if newest is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = _VERSIONS[newest]
    return context
