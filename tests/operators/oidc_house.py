"""A server that lets people of an identity provider in."""

from support.identity_provider import CLIENT, SECRET
from support.people import NOW

from ota_server.operators.oidc.flow import OidcFlow
from ota_server.operators.oidc.provider import Provider
from ota_server.operators.role import Grant
from ota_server.operators.secret_box import SecretBox
from ota_server.settings.oidc import ClaimGrant, OidcSettings

URL = "https://fleet.example"
BOX = SecretBox((bytes(32),), "oidc")
GRANTS = (
    ClaimGrant("cam-team", Grant.parse("operator:cam")),
    ClaimGrant("cam-leads", Grant.parse("admin:cam")),
    ClaimGrant("it", Grant.parse("viewer")),
)


def settings_of(provider, **named):
    return OidcSettings(provider.issuer, CLIENT, **{"role_claim": "groups", "grants": GRANTS, **named})


def provider_of(provider):
    return Provider(provider.issuer, provider)


def flow_of(provider, ours=None, *, secret=SECRET, **named):
    settings = settings_of(provider, **named)
    return OidcFlow(settings, ours or provider_of(provider), BOX, URL, secret=secret)


def begin(flow, provider, *, now=NOW, **claims):
    """To the provider, and what the browser brings back from there."""
    going = flow.begin(now)
    return going, provider.authorize(going.url, **claims)


def finish(flow, back, cookie, now=NOW):
    return flow.finish(back, cookie, now)
