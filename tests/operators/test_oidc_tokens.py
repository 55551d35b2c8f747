"""What a hostile provider, or somebody in between, may send (OpenID Connect Core 3.1.3.7, RFC 8725)."""

import base64
import hmac
import json
from datetime import timedelta

import pytest
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry
from oidc_house import begin, finish, flow_of, provider_of
from support.identity_provider import CLIENT, ISSUER, IdentityProvider, key
from support.people import NOW

from ota_client.errors import FetchError
from ota_server.errors import SignInError

MINUTE_S = 60
SECONDS = int(NOW.timestamp())


def come(provider, **claims):
    flow = flow_of(provider)
    going, back = begin(flow, provider, **claims)
    return finish(flow, back, going.cookie)


def test_a_good_token_says_who_came():
    identity = come(IdentityProvider(now=NOW), preferred_username="Mia Meier", groups=["cam-team"])
    assert (identity.issuer, identity.subject, identity.name) == (ISSUER, "4711", "mia-meier")
    assert identity.grants == {"cam": "operator"}


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"iss": "https://evil.example"}, "its own issuer"),
        ({"iss": None}, "its own issuer"),
        ({"aud": "another"}, "the only audience"),
        ({"aud": [CLIENT, "another"]}, "the only audience"),
        ({"aud": []}, "the only audience"),
        ({"aud": None}, "the only audience"),
        ({"azp": "another"}, "the authorized party"),
        ({"nonce": "another"}, "the nonce"),
        ({"nonce": None}, "the nonce"),
        ({"nonce": 1}, "the nonce"),
        ({"sub": None}, "a subject"),
        ({"sub": ""}, "a subject"),
        ({"sub": "x" * 256}, "a subject"),
        ({"sub": 4711}, "a subject"),
        ({"exp": SECONDS - MINUTE_S}, "valid now"),
        ({"exp": None}, "valid now"),
        ({"exp": "tomorrow"}, "times that are numbers"),
        ({"exp": True}, "times that are numbers"),
        ({"nbf": SECONDS + 2 * MINUTE_S}, "valid now"),
        ({"iat": SECONDS - 11 * MINUTE_S}, "a new token"),
        ({"iat": SECONDS + 2 * MINUTE_S}, "a new token"),
        ({"iat": None}, "a new token"),
    ],
)
def test_a_claim_that_is_wrong_is_refused(claims, sentence):
    with pytest.raises(SignInError, match=f"expected .*{sentence}"):
        come(IdentityProvider(now=NOW, claims=claims))


CLAIMS = {"sub": "4711", "iss": ISSUER, "aud": CLIENT, "iat": SECONDS, "exp": SECONDS + 300}


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header, sign=lambda _: b""):
    text = f"{part(json.dumps(header).encode())}.{part(json.dumps(CLAIMS).encode())}"
    return f"{text}.{part(sign(text.encode()))}"


def by_public_key(text):
    """RFC 8725, 2.1: the key that everybody knows, taken for a secret."""
    return hmac.digest(key().as_pem(private=False), text, "sha256")


def by_its_key(text):
    return JWSRegistry.algorithms["ES256"].sign(text, key())


FORGERIES = {
    "nobody's": {"raw_token": forged({"alg": "none"})},
    "none, of a known key": {"raw_token": forged({"alg": "none", "kid": "k1"})},
    "an hmac": {"raw_token": forged({"alg": "HS256", "kid": "k1"}, by_public_key)},
    "an unknown key's": {"header": {"alg": "ES256", "kid": "k2"}, "signer": key("k2")},
    "another key's under a known id": {"signer": key("k2")},
    "one of several": {"header": {"alg": "ES256"}, "published": [key(), key("k2")]},
    "a critical header": {
        "raw_token": forged({"alg": "ES256", "kid": "k1", "crit": ["x"], "x": 1}, by_its_key)
    },
    "no token": {"raw_token": ""},
    "two parts": {"raw_token": "a.b"},
    "a huge one": {"raw_token": "a." * 20_000},
    "half a character": {"raw_token": "\ud800.b.c"},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_token_that_the_provider_did_not_sign_is_refused(forgery):
    with pytest.raises((SignInError, FetchError)):
        come(IdentityProvider(now=NOW, **FORGERIES[forgery]))


def test_the_same_by_hand_and_signed_gets_as_far_as_its_claims():
    token = forged({"alg": "ES256", "kid": "k1"}, by_its_key)
    with pytest.raises(SignInError, match="the nonce"):
        come(IdentityProvider(now=NOW, raw_token=token))


def test_a_changed_token_is_refused(monkeypatch):
    provider = IdentityProvider(now=NOW)
    made = provider._token
    monkeypatch.setattr(provider, "_token", lambda *args: changed(made(*args)))

    def changed(token):
        header, payload, signature = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        text = json.dumps(claims | {"sub": "0001"}).encode()
        return f"{header}.{base64.urlsafe_b64encode(text).rstrip(b'=').decode()}.{signature}"

    with pytest.raises(SignInError, match="a good signature"):
        come(provider)


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_short_rsa_key_is_refused():
    weak = RSAKey.generate_key(1024, {"kid": "weak"})
    provider = IdentityProvider(
        now=NOW, signer=weak, published=[weak], header={"alg": "RS256", "kid": "weak"}
    )
    with pytest.raises(SignInError, match="2048 bits"):
        come(provider)


def test_a_provider_that_begins_to_sign_by_another_key_is_asked_again_but_not_at_once():
    provider = IdentityProvider(now=NOW)
    ours = provider_of(provider)
    flow = flow_of(provider, ours)
    going, back = begin(flow, provider)
    finish(flow, back, going.cookie)
    provider.published, provider.signer = [key("k2")], key("k2")
    provider.header = {"alg": "ES256", "kid": "k2"}
    for moment, good in ((NOW, False), (NOW + timedelta(minutes=1), True)):
        provider.now = moment
        going, back = begin(flow, provider, now=moment)
        if good:
            finish(flow, back, going.cookie, now=moment)
        else:
            with pytest.raises(SignInError):
                finish(flow, back, going.cookie, now=moment)
    assert sum(url.endswith("/keys") for url in provider.asked) == 2


def test_documents_are_remembered_for_an_hour():
    provider = IdentityProvider(now=NOW)
    ours = provider_of(provider)
    for minutes in (0, 30, 59, 60):
        ours.endpoints(NOW + timedelta(minutes=minutes))
    assert len(provider.asked) == 2


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"issuer": "https://evil.example"}, "expected issuer"),
        ({"token_endpoint": "http://id.example/token"}, "token_endpoint: expected https://"),
        ({"authorization_endpoint": None}, "expected authorization_endpoint, got none"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri: expected https://"),
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_refused(document, sentence):
    with pytest.raises(FetchError, match=sentence):
        come(IdentityProvider(now=NOW, document=document))
