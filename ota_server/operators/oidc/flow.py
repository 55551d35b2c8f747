"""There and back: to the identity provider, and what it answers (OpenID Connect Core 1.0, 3.1).

What a sign-in began with goes along in a cookie that only this server can read and make, for ten
minutes: an answer that this browser did not ask for is refused (RFC 9700, 4.7).
"""

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from ota_client.errors import ConfigError, FetchError
from ota_client.formats.strict import parse_json
from ota_server.errors import InvalidError, SignInError
from ota_server.operators.oidc import id_token
from ota_server.operators.oidc.https import Fetch, HttpsFetch
from ota_server.operators.oidc.id_token import Expected
from ota_server.operators.oidc.identity import Identity
from ota_server.operators.oidc.provider import Endpoints, Provider
from ota_server.operators.secret_box import SecretBox
from ota_server.settings import OperatorSettings
from ota_server.settings.oidc import OidcSettings

LIFETIME: Final = timedelta(minutes=10)
# below the public URL
CALLBACK_PATH: Final = "/sign-in/oidc/callback"
_ANSWER_MOST_BYTES: Final = 128 * 1024
_SECRET_MOST_BYTES: Final = 4096
_CODE_LONGEST: Final = 4096
_COOKIE_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Going:
    """The way there.

    Attributes:
        url: of the provider, to redirect to.
        cookie: for ``LIFETIME``, ``SameSite=Lax``: it comes back from another site.
    """

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class _Begun:
    state: str
    nonce: str
    verifier: str
    at: int


class OidcFlow:
    """Signing in at one provider.

    Args:
        settings: which.
        provider: as it is known.
        box: ``SecretBox`` of purpose ``oidc``.
        public_url: of this server.
        secret: by which the provider knows this server; None for a public client.
        random_text: new secrets, 43 characters or more.
    """

    def __init__(
        self,
        settings: OidcSettings,
        provider: Provider,
        box: SecretBox,
        public_url: str,
        *,
        secret: str | None = None,
        random_text: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._settings, self._provider, self._box = settings, provider, box
        self._redirect_uri = public_url + CALLBACK_PATH
        self._secret, self._random_text = secret, random_text

    def begin(self, now: datetime) -> Going:
        """Where to send the browser, and what it must bring back.

        Raises:
            FetchError: the provider does not say where.
        """
        authorization = self._provider.endpoints(now).authorization
        state, nonce, verifier = (self._random_text() for _ in range(3))
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": state,
            "nonce": nonce,
            # RFC 7636: a code that somebody overheard is worth nothing
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        begun = _Begun(state, nonce, verifier, int(now.timestamp()))
        separator = "&" if "?" in authorization else "?"
        cookie = self._box.seal(json.dumps(asdict(begun)))
        return Going(authorization + separator + urlencode(query), cookie)

    def finish(self, query: Mapping[str, str], cookie: str | None, now: datetime) -> Identity:
        """Who came back.

        Args:
            query: what the provider sent along.
            cookie: what ``begin`` gave; remove it whatever happens.
            now: UTC.

        Raises:
            SignInError: it is no answer to what this browser asked, or not to be believed.
            FetchError: the provider does not answer.
        """
        begun = self._begun(cookie, now)
        code = _code(query, begun, self._provider.issuer)
        answer = self._exchange(code, begun.verifier, now)
        expected = Expected(self._settings.client_id, begun.nonce)
        claims = id_token.verify(answer.get("id_token"), self._provider, expected, now)
        return Identity.of(claims, self._settings)

    def _begun(self, cookie: str | None, now: datetime) -> _Begun:
        try:
            begun = _Begun(**json.loads(self._box.open((cookie or "")[:_COOKIE_LONGEST])))
        except (InvalidError, ValueError, TypeError) as e:
            raise _unsolicited() from e
        if not 0 <= now.timestamp() - begun.at <= LIFETIME.total_seconds():
            raise _unsolicited()
        return begun

    def _exchange(self, code: str, verifier: str, now: datetime) -> dict[str, Any]:
        endpoints = self._provider.endpoints(now)
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        basic = self._authenticate(endpoints, fields)
        data = self._provider.fetch.post_form(
            endpoints.token, fields, basic=basic, max_bytes=_ANSWER_MOST_BYTES
        )
        answer = parse_json(data, max_bytes=_ANSWER_MOST_BYTES, what="token answer", error=FetchError)
        if not isinstance(answer, dict):
            raise FetchError("token answer: expected a JSON object")
        return answer

    def _authenticate(self, endpoints: Endpoints, fields: dict[str, str]) -> tuple[str, str] | None:
        if self._secret is not None and endpoints.basic:
            return self._settings.client_id, self._secret
        fields["client_id"] = self._settings.client_id
        if self._secret is not None:
            fields["client_secret"] = self._secret
        return None


def open_flow(
    operators: OperatorSettings, public_url: str, *, fetch: Fetch | None = None
) -> OidcFlow | None:
    """The flow that the settings describe, if they do; nothing is asked yet.

    Args:
        operators: with ``oidc``, and where the server's secret key is.
        public_url: of this server.
        fetch: the network; None for the real one.

    Raises:
        ConfigError: the client's secret, the authorities or the server's secret key cannot be read.
    """
    settings = operators.oidc
    if settings is None:
        return None
    provider = Provider(settings.issuer, fetch or HttpsFetch(settings.ca_file))
    secret = None if settings.client_secret_file is None else _secret(settings.client_secret_file)
    box = SecretBox.load(operators.secret_key, "oidc")
    return OidcFlow(settings, provider, box, public_url, secret=secret)


def _secret(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.read(_SECRET_MOST_BYTES).partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"oidc.client_secret_file: {path} cannot be read") from e
    return secret or _no_secret(path)


def _no_secret(path: Path) -> str:
    raise ConfigError(f"oidc.client_secret_file: expected a secret on the first line of {path}")


def _code(query: Mapping[str, str], begun: _Begun, issuer: str) -> str:
    state = query.get("state", "")
    if not hmac.compare_digest(state.encode(errors="replace"), begun.state.encode()):
        raise _unsolicited()
    # RFC 9207: the answer of another provider, mixed up with this one's
    if query.get("iss", issuer) != issuer:
        raise SignInError("expected the answer of the configured issuer, got another's")
    code = query.get("code", "")
    if "error" in query or not 1 <= len(code) <= _CODE_LONGEST:
        error = query.get("error", "no code")[:40]
        shown = "".join(c if c.isascii() and (c.isalnum() or c in "_ ") else "?" for c in error)
        raise SignInError(f"the identity provider did not sign in: {shown}")
    return code


def _unsolicited() -> SignInError:
    return SignInError(
        "expected the answer to a sign-in that this browser began within ten minutes, got another; "
        "begin again"
    )
