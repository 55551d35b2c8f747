"""An identity provider: where it is asked, and by which keys it signs (OpenID Connect Discovery 1.0)."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, Self

from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from ota_client.errors import ConfigError, FetchError
from ota_client.formats.strict import parse_json
from ota_client.network.urls import check_url, shown_url
from ota_server.operators.oidc.https import Fetch

_DOCUMENT_MOST_BYTES: Final = 256 * 1024
_KEYS_MOST: Final = 100
# documents are asked for again after so long ...
_FRESH: Final = timedelta(hours=1)
# ... and for a key that is not known, not more often than this
_ASK_AGAIN: Final = timedelta(minutes=1)
# no "oct": a public key must never serve as the secret of an HMAC (RFC 8725, 2.1)
_KEY_TYPES: Final = {"RSA", "EC", "OKP"}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where it is asked.

    Attributes:
        basic: the client's secret goes into the header, not into the form.
    """

    authorization: str
    token: str
    keys: str
    basic: bool

    @classmethod
    def read(cls, data: bytes, issuer: str) -> Self:
        """Read the discovery document.

        Raises:
            FetchError: it is another issuer's, or lacks what is needed.
        """
        document = _object(data, "discovery document")
        if document.get("issuer") != issuer:
            raise FetchError(
                f"discovery document: expected issuer {issuer!r}, got "
                f"{str(document.get('issuer'))[:80]!r}; write [oidc] issuer exactly as it does"
            )
        authorization, token, keys = (
            _endpoint(document, name)
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        )
        # the default where a provider does not say: OpenID Connect Discovery 1.0, 3
        methods = document.get("token_endpoint_auth_methods_supported")
        basic = not isinstance(methods, list) or "client_secret_basic" in methods
        return cls(authorization, token, keys, basic)


class Provider:
    """What is known of a provider, asked for when it is needed and remembered for an hour.

    Args:
        issuer: its address.
        fetch: the network.
    """

    def __init__(self, issuer: str, fetch: Fetch) -> None:
        self.issuer = issuer
        self.fetch = fetch
        self._lock = Lock()
        self._endpoints: tuple[Endpoints, datetime] | None = None
        self._keys: tuple[tuple[Key, ...], datetime] | None = None

    def endpoints(self, now: datetime) -> Endpoints:
        """Where it is asked.

        Raises:
            FetchError: it does not say, or not what it must.
        """
        with self._lock:
            if self._endpoints is None or now - self._endpoints[1] >= _FRESH:
                url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
                data = self.fetch.get(url, max_bytes=_DOCUMENT_MOST_BYTES)
                self._endpoints = Endpoints.read(data, self.issuer), now
            return self._endpoints[0]

    def keys_of(self, kid: str | None, now: datetime) -> tuple[Key, ...]:
        """The keys that a signature may be by: those of this id; without an id, all.

        Raises:
            FetchError: it does not say.
        """
        url = self.endpoints(now).keys
        with self._lock:
            age = None if self._keys is None else now - self._keys[1]
            if self._keys is None or age is None or age >= _FRESH:
                self._keys = self._read_keys(url), now
            elif age >= _ASK_AGAIN and not _named(self._keys[0], kid):
                # it may have begun to sign by another: OpenID Connect Core 1.0, 10.1.1
                self._keys = self._read_keys(url), now
            return _named(self._keys[0], kid)

    def _read_keys(self, url: str) -> tuple[Key, ...]:
        document = _object(self.fetch.get(url, max_bytes=_DOCUMENT_MOST_BYTES), "key set")
        listed = document.get("keys")
        if not isinstance(listed, list) or len(listed) > _KEYS_MOST:
            raise FetchError(f"key set: expected a list of at most {_KEYS_MOST} keys")
        keys = tuple(_signing_keys(listed))
        if not keys:
            raise FetchError("key set: expected keys that sign, got none that can be read")
        return keys


def _signing_keys(listed: list[Any]) -> Iterator[Key]:
    for key in listed:
        if not isinstance(key, dict) or key.get("kty") not in _KEY_TYPES:
            continue
        # one of a kind that is not known yet does not spoil the others (RFC 7517, 5)
        with suppress(JoseError, ValueError, TypeError):
            if key.get("use", "sig") == "sig":
                yield from KeySet.import_key_set({"keys": [key]})


def _named(keys: tuple[Key, ...], kid: str | None) -> tuple[Key, ...]:
    return keys if kid is None else tuple(key for key in keys if key.kid == kid)


def _object(data: bytes, what: str) -> dict[str, Any]:
    value = parse_json(data, max_bytes=_DOCUMENT_MOST_BYTES, what=what, error=FetchError)
    if not isinstance(value, dict):
        raise FetchError(f"{what}: expected a JSON object")
    return value


def _endpoint(document: dict[str, Any], name: str) -> str:
    url = document.get(name)
    if not isinstance(url, str):
        raise FetchError(f"discovery document: expected {name}, got none")
    try:
        check_url(url, insecure_http=False)
    except ConfigError as e:
        raise FetchError(f"discovery document: {name}: expected https://, got {shown_url(url)}") from e
    return url
