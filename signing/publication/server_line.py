"""The way to an update server: one connection, a token, JSON answers, and its refusals as our errors."""

import json
import re
import ssl
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ota_client.errors import ConfigError, FetchError
from ota_client.formats.strict import Fields, parse_json
from ota_client.network.settings import HttpSettings
from ota_client.network.tls import client_context
from ota_client.network.urls import check_url, shown_url
from signing.errors import (
    ServerError,
    ServerRefusedError,
    ServerTokenError,
    ServerUnreachableError,
)

_ANSWER_MOST_BYTES: Final = 8 * 1024 * 1024
_SAID_LONGEST: Final = 400
_TIMEOUT_S: Final = 60
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{8,200}", re.ASCII)
_NOT_ALLOWED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_LATER: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class ServerLine:
    """Requests to one update server; redirects are not followed: the token is for this host alone.

    Args:
        url: of the server, such as ``https://updates.example.com/``.
        token: an operator's API token.
        ca_file: the authorities to trust, PEM; None means the operating system's.
        insecure_http: take an ``http://`` address.

    Raises:
        ConfigError: the address, the token or the authorities' file cannot be used.
    """

    def __init__(
        self, url: str, token: str, *, ca_file: Path | None = None, insecure_http: bool = False
    ) -> None:
        check_url(url, insecure_http=insecure_http)
        if not _TOKEN.fullmatch(token):
            raise ConfigError("the token: expected an API token such as rat_..., got something else")
        self.url = shown_url(url)
        self._parts = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        secure = self._parts.scheme == "https"
        self._context = client_context(HttpSettings(ca_file=ca_file)) if secure else None
        self._connection: HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next request calls again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def request(
        self, method: str, path: str, body: bytes = b"", *, timeout_s: float = _TIMEOUT_S
    ) -> Fields:
        """Ask, once.

        Args:
            method: of HTTP.
            path: below the server's address, with its query.
            body: what to send.
            timeout_s: most seconds of silence.

        Raises:
            ServerUnreachableError: no answer, or one that asks to come later.
            ServerTokenError: the token is not known, or may not.
            ServerRefusedError: the server says no.
            ServerError: the server failed.
        """
        try:
            connection = self._connected(timeout_s)
            target = f"{self._parts.path.rstrip('/')}{path}"
            kind = "application/octet-stream" if method == "PUT" else "application/json"
            connection.request(method, target, body, {**self._headers, "Content-Type": kind})
            answer = connection.getresponse()
            content = answer.read(_ANSWER_MOST_BYTES + 1)
        except (OSError, HTTPException) as e:
            self.close()
            raise ServerUnreachableError(f"{self.url}: no answer: {_reason(e)}") from e
        if answer.will_close:
            self.close()
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise _refusal(self.url, answer, content)
        try:
            value = parse_json(
                content or b"{}", max_bytes=_ANSWER_MOST_BYTES, what="the answer", error=FetchError
            )
            return Fields(value, "the answer", FetchError)
        except FetchError as e:
            raise ServerError(f"{self.url}: expected an update server's answer, got another: {e}") from e

    def _connected(self, timeout_s: float) -> HTTPConnection:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._new_connection()
            connection.connect()
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        return connection

    def _new_connection(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._context is None:
            return HTTPConnection(host, port, timeout=_TIMEOUT_S)
        proxy = urlsplit(getproxies().get("https", ""))
        if not proxy.hostname or proxy_bypass(host):
            return HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=self._context)
        tunnel = HTTPSConnection(proxy.hostname, proxy.port, timeout=_TIMEOUT_S, context=self._context)
        tunnel.set_tunnel(host, port or 443)
        return tunnel


def _refusal(url: str, answer: HTTPResponse, content: bytes) -> ServerError:
    status = answer.status
    problem = _problem(content)
    said = _shown(problem)
    text = f"{url}: expected success, got status {status}{f': {said}' if said else ''}"
    # what a token may not see is answered as if it were not there
    if status in _NOT_ALLOWED or problem.get("code") == "not-found":
        return ServerTokenError(text)
    if status in _LATER:
        return ServerUnreachableError(text)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError(text)
    if not problem.get("code"):
        text += "; expected the address of an `ota-server` with a fleet, which takes uploads"
    return ServerRefusedError(text)


def _problem(content: bytes) -> dict[str, object]:
    """What the server says of its refusal (RFC 9457)."""
    try:
        value: object = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _shown(problem: dict[str, object]) -> str:
    """The server's own words, shortened and without control characters."""
    shown = str(problem.get("detail") or problem.get("title") or "")[:_SAID_LONGEST]
    return "".join(c if c.isprintable() else "?" for c in shown)


def _reason(e: Exception) -> str:
    match e:
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted: {e.verify_message}; --ca-file names who vouches for it"
            )
        case ssl.SSLError():
            return f"no TLS that both speak: {(e.reason or 'unknown').replace('_', ' ').lower()}"
        case OSError():
            return e.strerror or str(e) or type(e).__name__
        case _:
            return type(e).__name__
