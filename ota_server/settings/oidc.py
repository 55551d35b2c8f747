"""The ``[oidc]`` table: people who sign in at an identity provider (OpenID Connect Core 1.0)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ota_client.errors import ConfigError
from ota_server.operators.role import Grant, Role
from ota_server.settings.sources import Layers
from ota_server.settings.urls import read_https_url

_GRANTS_MOST: Final = 200
_SCOPES_MOST: Final = 20
_OPENID: Final = "openid"


@dataclass(frozen=True, slots=True)
class ClaimGrant:
    """What a value of the role claim grants.

    Attributes:
        value: the claim's value, or one of its list.
        grant: a role for a product.
    """

    value: str
    grant: Grant


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """An identity provider.

    Attributes:
        issuer: its address, exactly as its discovery document writes it.
        client_id: under which it knows this server.
        client_secret_file: holds the secret, on its first line; None for a public client.
        ca_file: authorities of its certificate, PEM; None for the system's.
        scopes: asked for; ``openid`` is always among them.
        name_claim: becomes the operator's name.
        role_claim: a text or a list of texts that ``grants`` knows; empty: only operators that
            ``ota-server user link`` named may come.
        grants: written ``VALUE:ROLE:PRODUCT``.
        label: on the button.
    """

    issuer: str
    client_id: str
    client_secret_file: Path | None = None
    ca_file: Path | None = None
    scopes: tuple[str, ...] = (_OPENID, "profile")
    name_claim: str = "preferred_username"
    role_claim: str = ""
    grants: tuple[ClaimGrant, ...] = ()
    label: str = "Single sign-on"

    @classmethod
    def read(cls, table: Layers) -> Self | None:
        """Take them; None where no issuer is named.

        Raises:
            ConfigError: a setting is wrong, or one is missing.
        """
        issuer = table.given("issuer", lambda name: read_https_url(table, name), "")
        defaults = cls("", "")
        settings = cls(
            issuer=issuer,
            client_id=table.given("client_id", table.text, ""),
            client_secret_file=table.given("client_secret_file", table.path, None),
            ca_file=table.given("ca_file", table.path, None),
            scopes=table.given("scopes", lambda _: _scopes(table), defaults.scopes),
            name_claim=table.given("name_claim", table.text, defaults.name_claim),
            role_claim=table.given("role_claim", table.text, ""),
            grants=table.given("grants", lambda _: _grants(table), ()),
            label=table.given("label", table.text, defaults.label),
        )
        if not issuer:
            return None
        if not settings.client_id:
            raise ConfigError("oidc.client_id: expected the name of this server at the issuer, got none")
        if bool(settings.role_claim) != bool(settings.grants):
            raise ConfigError("oidc: expected role_claim and grants, or neither, got one of them")
        return settings


def _scopes(table: Layers) -> tuple[str, ...]:
    named = table.texts("scopes", most=_SCOPES_MOST)
    return (_OPENID, *(scope for scope in named if scope != _OPENID))


def _grants(table: Layers) -> tuple[ClaimGrant, ...]:
    return tuple(_claim_grant(table, text) for text in table.texts("grants", most=_GRANTS_MOST))


def _claim_grant(table: Layers, text: str) -> ClaimGrant:
    roles = ", ".join(Role)
    try:
        # a claim's value may hold colons itself
        value, role, product = text.rsplit(":", 2)
        return ClaimGrant(value, Grant.of(role, product))
    except ValueError:
        table.fail("grants", f"VALUE:ROLE:PRODUCT, a role of {roles}, a product or *", text)
