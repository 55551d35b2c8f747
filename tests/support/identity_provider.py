"""An identity provider that tests are themselves: discovery, keys, tokens, and all that goes wrong."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from ota_client.errors import HttpStatusError

ISSUER, CLIENT, SECRET = "https://id.example/realm", "ratchet", "hush hush"
# what joserfc is asked to sign by
_SIGNED = ["ES256", "RS256"]


@cache
def key(kid: str = "k1") -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


@dataclass
class IdentityProvider:
    """Answers as ``Fetch``; what it answers may be changed.

    Attributes:
        claims: of the next token, over those that it should have; None takes one away.
        signer: signs the next token.
        header: of the next token.
        asked: every address that was asked for.
    """

    issuer: str = ISSUER
    claims: dict = field(default_factory=dict)
    signer: object = field(default_factory=key)
    header: dict = field(default_factory=lambda: {"alg": "ES256", "kid": "k1"})
    published: list = field(default_factory=lambda: [key()])
    document: dict = field(default_factory=dict)
    raw_token: str | None = None
    asked: list = field(default_factory=list)
    codes: dict = field(default_factory=dict)
    now: datetime | None = None

    @property
    def discovery(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **self.document,
        }

    def authorize(self, url: str, *, subject="4711", **claims) -> dict[str, str]:
        """A person signs in there; what the browser brings back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked, {"sub": subject, **claims}
        return {"code": code, "state": asked["state"]}

    def get(self, url, **_):
        self.asked.append(url)
        if url.endswith("/.well-known/openid-configuration"):
            return json.dumps(self.discovery).encode()
        if url == self.discovery["jwks_uri"]:
            return json.dumps(KeySet(self.published).as_dict(private=False)).encode()
        raise HttpStatusError(f"{url}: expected status 200, got 404", 404)

    def post_form(self, url, fields, *, basic, **_):
        self.asked.append(url)
        authenticated = basic or (fields.get("client_id"), fields.get("client_secret"))
        if authenticated != (CLIENT, SECRET) or fields["code"] not in self.codes:
            raise HttpStatusError(f"{url}: expected status 200, got 401", 401)
        # a code is good once
        asked, person = self.codes.pop(fields["code"])
        digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (challenge, fields["redirect_uri"]) != (asked["code_challenge"], asked["redirect_uri"]):
            raise HttpStatusError(f"{url}: expected status 200, got 400", 400)
        return json.dumps({"access_token": "x", "id_token": self._token(asked, person)}).encode()

    def _token(self, asked, person):
        seconds = int(self.now.timestamp())
        whole = {
            "iss": self.issuer,
            "aud": CLIENT,
            "exp": seconds + 300,
            "iat": seconds,
            "nonce": asked["nonce"],
            **person,
            **self.claims,
        }
        claims = {name: value for name, value in whole.items() if value is not None}
        if self.raw_token is not None:
            return self.raw_token
        return jwt.encode(self.header, claims, self.signer, algorithms=_SIGNED)
