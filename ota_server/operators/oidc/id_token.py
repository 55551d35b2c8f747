"""Whether an ID token is to be believed: OpenID Connect Core 1.0, 3.1.3.7, and RFC 8725."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from ota_server.errors import SignInError
from ota_server.operators.oidc.provider import Provider

# asymmetric ones alone: neither "none" nor an HMAC by a key that everybody knows (RFC 8725, 3.1)
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
_TOKEN_MOST: Final = 16 * 1024
_RSA_LEAST_BITS: Final = 2048
_SUBJECT_LONGEST: Final = 255
# clocks of two machines
_SKEW: Final = timedelta(minutes=1)
_OLDEST: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say.

    Attributes:
        client_id: whom it is for.
        nonce: that this sign-in began with.
    """

    client_id: str
    nonce: str


def verify(token: object, provider: Provider, expected: Expected, now: datetime) -> Mapping[str, Any]:
    """Take a token's claims, once they are to be believed.

    Raises:
        SignInError: the signature or a claim is not what it must be; the sentence names it.
        FetchError: the provider's keys cannot be had.
    """
    if not isinstance(token, str) or len(token) > _TOKEN_MOST:
        raise _wrong("a token")
    claims = _signed_claims(token, provider, now)
    _check_parties(claims, provider.issuer, expected)
    _check_times(claims, now)
    return claims


def _signed_claims(token: str, provider: Provider, now: datetime) -> dict[str, Any]:
    try:
        header = jws.extract_compact(token.encode()).headers()
        kid = header.get("kid")
        keys = provider.keys_of(kid if isinstance(kid, str) else None, now)
        # one by one is no way to find the right one: it would take whichever fits
        if header.get("alg") not in ALGORITHMS or len(keys) != 1:
            raise _wrong("a signature by one of its keys")
        (key,) = keys
        if isinstance(key, RSAKey) and key.raw_value.key_size < _RSA_LEAST_BITS:
            raise _wrong("a key of 2048 bits or more")
        return jwt.decode(token, key, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError) as e:
        raise _wrong("a good signature") from e


def _check_parties(claims: Mapping[str, Any], issuer: str, expected: Expected) -> None:
    audience = claims.get("aud")
    if claims.get("iss") != issuer:
        raise _wrong("its own issuer")
    # further audiences are nobody that this server knows
    if audience not in (expected.client_id, [expected.client_id]):
        raise _wrong("this server as the only audience")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise _wrong("this server as the authorized party")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise _wrong("the nonce of this sign-in")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= _SUBJECT_LONGEST:
        raise _wrong("a subject")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    expires, issued, begins = (_time(claims, name) for name in ("exp", "iat", "nbf"))
    seconds, skew_s = now.timestamp(), _SKEW.total_seconds()
    if expires is None or not expires > seconds - skew_s or (begins or 0) > seconds + skew_s:
        raise _wrong("a token that is valid now")
    if issued is None or not seconds - _OLDEST.total_seconds() <= issued <= seconds + skew_s:
        raise _wrong("a new token")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise _wrong("times that are numbers")
    return value


def _wrong(expected: str) -> SignInError:
    return SignInError(f"the identity provider's token: expected {expected}, got something else")
