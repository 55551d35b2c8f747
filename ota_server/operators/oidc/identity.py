"""Who came from an identity provider, and what the claims grant."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from ota_server.operators.account import is_mail
from ota_server.operators.role import Grant, Grants, Role
from ota_server.settings.oidc import ClaimGrant, OidcSettings

_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9._@-]+", re.ASCII)
_NAME_LONGEST: Final = 64
_VALUES_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Identity:
    """A person, as the provider knows it.

    Attributes:
        issuer: with ``subject`` what it is recognised by, and nothing else: names and mail addresses
            change hands.
        name: for a new operator.
        mail: one that the provider has verified; empty for none.
        grants: None where the settings name no role claim: then those of the operator stay.
    """

    issuer: str
    subject: str
    name: str
    mail: str
    grants: Grants | None

    @classmethod
    def of(cls, claims: Mapping[str, Any], settings: OidcSettings) -> Self:
        """Read claims that were verified."""
        mail = claims.get("email") if claims.get("email_verified") is True else ""
        return cls(
            issuer=settings.issuer,
            subject=claims["sub"],
            name=_name(claims.get(settings.name_claim) or claims["sub"]),
            mail=mail if isinstance(mail, str) and is_mail(mail) else "",
            grants=_grants(claims, settings) if settings.role_claim else None,
        )


def _name(value: object) -> str:
    plain = _NOT_IN_NAMES.sub("-", str(value).lower())
    return plain.lstrip("._@-")[:_NAME_LONGEST]


def _grants(claims: Mapping[str, Any], settings: OidcSettings) -> dict[str, Role]:
    """The highest role a product, of all values that the settings know."""
    said = set(_values(claims.get(settings.role_claim)))
    found: dict[str, Role] = {}
    for grant in _granted(settings.grants, said):
        held = found.get(grant.product)
        if held is None or grant.role.covers(held):
            found[grant.product] = grant.role
    return found


def _granted(known: tuple[ClaimGrant, ...], said: set[str]) -> Iterator[Grant]:
    return (one.grant for one in known if one.value in said)


def _values(claim: object) -> list[str]:
    values = claim if isinstance(claim, list) else [claim]
    return [value for value in values[:_VALUES_MOST] if isinstance(value, str)]
