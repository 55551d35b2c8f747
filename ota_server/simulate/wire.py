"""A device's side of the wire: JSON over HTTP/1.1, one connection a visit.

Small and asynchronous, as ten thousand devices share one process. Over TLS with the device's own
certificate, or over the Unix socket behind which a proxy has seen that certificate.
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, Protocol
from urllib.parse import quote, urlsplit

from ota_client.errors import ConfigError

# where a proxy puts the client's certificate and address: ota_server/web/peer.py
_CERTIFICATE_HEADER: Final = "x-client-certificate"
_ADDRESS_HEADER: Final = "x-real-ip"
_HEAD_MOST_BYTES: Final = 16 * 1024
_BODY_MOST_BYTES: Final = 256 * 1024
_TIMEOUT_S: Final = 60
_HTTPS: Final = 443
_NO_CONTENT: Final = 204

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class LostError(Exception):
    """The connection could not be made, or broke before the whole answer was there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered.

    Attributes:
        body: parsed JSON; None where there is none.
        retry_after_s: as the server asked; 0 if it did not.
    """

    status: int
    body: object
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is on the wire.

    Attributes:
        context: TLS, with the device's certificate if it has one; None behind a proxy.
        headers: what its proxy says of it.
    """

    context: ssl.SSLContext | None
    headers: str


class Wire(Protocol):
    """The way to the server's processes, each in its turn."""

    def stranger(self, address: str) -> Identity:
        """A device without a certificate yet, from a network address."""

    def identity(self, address: str, certificate: str, key: bytes) -> Identity:
        """A device with its certificate and key, PEM."""

    async def connect(self, identity: Identity) -> "Connection":
        """Make a new connection, as a device that comes every few minutes does.

        Raises:
            LostError: nobody listens.
        """


class TlsWire:
    """To ``https://`` addresses: the server itself, or a proxy before it.

    Args:
        urls: such as ``https://updates.example.com:8443``.
        authorities: whom to trust, PEM; None means whom the operating system trusts.

    Raises:
        ConfigError: an address is not one, or the authorities are none.
    """

    def __init__(self, urls: Sequence[str], authorities: str | None) -> None:
        self._authorities = authorities
        self._servers = cycle([_parse(url) for url in urls])
        self._stranger = Identity(self._context(), "")

    def stranger(self, address: str) -> Identity:  # noqa: ARG002 - all come from this machine's
        """TLS without a certificate."""
        return self._stranger

    def identity(self, address: str, certificate: str, key: bytes) -> Identity:  # noqa: ARG002 - as above
        """TLS with the certificate; Python takes it from a file alone."""
        context = self._context()
        with NamedTemporaryFile() as file:
            file.write(certificate.encode() + key)
            file.flush()
            context.load_cert_chain(file.name)
        return Identity(context, "")

    async def connect(self, identity: Identity) -> "Connection":
        """Connect, with a whole handshake."""
        host, port = next(self._servers)
        opening = asyncio.open_connection(host, port, ssl=identity.context, limit=_HEAD_MOST_BYTES)
        return Connection(await _opened(opening), f"host: {host}\r\n")

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._authorities is None:
            context.load_default_certs()
            return context
        try:
            context.load_verify_locations(cadata=self._authorities)
        except (ssl.SSLError, ValueError) as e:
            raise ConfigError("--ca-file: expected certificates in PEM, got something else") from e
        return context


class SocketWire:
    """To the Unix sockets on which a server's processes take connections from their proxy."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = cycle(paths)

    def stranger(self, address: str) -> Identity:
        """What the proxy says of a device that showed no certificate."""
        return Identity(None, f"{_ADDRESS_HEADER}: {address}\r\n")

    def identity(self, address: str, certificate: str, key: bytes) -> Identity:  # noqa: ARG002 - as Wire has it
        """What the proxy says of a device that showed one; of its key it says nothing."""
        first, end, _ = certificate.partition("-----END CERTIFICATE-----\n")
        shown = f"{_CERTIFICATE_HEADER}: {quote(first + end, safe='')}\r\n"
        return Identity(None, self.stranger(address).headers + shown)

    async def connect(self, identity: Identity) -> "Connection":
        """Connect as the proxy."""
        opening = asyncio.open_unix_connection(next(self._paths), limit=_HEAD_MOST_BYTES)
        return Connection(await _opened(opening), f"host: localhost\r\n{identity.headers}")


class Connection:
    """One connection, for one request after the other."""

    def __init__(self, streams: Streams, headers: str) -> None:
        self._reader, self._writer = streams
        self._headers = headers

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Send one request and wait for its answer; raises ``LostError``."""
        content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        kind = "content-type: application/json\r\n" if content else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}{kind}content-length: {len(content)}\r\n\r\n"
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                self._writer.write(head.encode() + content)
                await self._writer.drain()
                return await self._answer()
        except (OSError, EOFError, asyncio.LimitOverrunError) as e:
            raise LostError(f"{path}: expected a whole answer, got {str(e) or 'none in time'}") from e
        except (ValueError, LookupError) as e:
            raise LostError(f"{path}: expected JSON over HTTP/1.1 with its length, got {e!r}") from e

    async def _answer(self) -> Answer:
        head = await self._reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").rstrip().split("\r\n")
        status = int(status_line.split(" ", 2)[1])
        headers = {name.lower(): value.strip() for name, _, value in (s.partition(":") for s in lines)}
        length = 0 if status == _NO_CONTENT else int(headers["content-length"])
        if length > _BODY_MOST_BYTES:
            raise ValueError(f"a body of {length} bytes")
        content = await self._reader.readexactly(length)
        retry_after = headers.get("retry-after", "")
        return Answer(
            status,
            json.loads(content) if content else None,
            float(retry_after) if retry_after.isdecimal() else 0.0,
        )

    def close(self) -> None:
        """Hang up."""
        self._writer.transport.abort()


async def _opened(opening: Awaitable[Streams]) -> Streams:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await opening
    except OSError as e:
        raise LostError(f"no connection: {str(e) or 'none in time'}") from e


def _parse(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or _HTTPS
    except ValueError:
        host, port = None, 0
    if parts.scheme != "https" or not host or parts.path.strip("/"):
        raise ConfigError(f"--url: expected an address such as https://localhost:8443, got {url[:80]!r}")
    return host, port
