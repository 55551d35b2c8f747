"""Operators and API tokens: who may come, and what each may."""

from typing import Annotated, Final

from msgspec import Meta

from ota_server.operators.actor import Role
from ota_server.operators.invitation import LIFETIME_MOST
from ota_server.web.api.paging import Answer, PageAnswer
from ota_server.web.api.path import GrantedProduct, OperatorName
from ota_server.web.shapes import Moment, Shape

_DAY_S: Final = 86_400
_LONGEST_S: Final = int(LIFETIME_MOST.total_seconds())
_GRANTS_MOST: Final = 200

Grants = Annotated[
    dict[GrantedProduct, Role],
    Meta(max_length=_GRANTS_MOST, description="The role by product; `*` is for all."),
]
LinkLifetime = Annotated[int, Meta(ge=1, le=_LONGEST_S, description="Of the link.")]


class InviteBody(Shape, frozen=True):
    """A new operator."""

    name: OperatorName
    grants: Grants
    mail: Annotated[
        str,
        Meta(
            max_length=254,
            pattern=r"^([A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,189})?$(?!\n)",
            description="Where mail for this person goes; empty for none.",
        ),
    ] = ""
    lifetime_s: LinkLifetime = _DAY_S


class InviteAgainBody(Shape, frozen=True):
    """Another link for an operator."""

    lifetime_s: LinkLifetime = _DAY_S


class RoleBody(Shape, frozen=True):
    """The role for one product."""

    role: Role


class OperatorAnswer(Answer, frozen=True):
    """One account."""

    name: OperatorName
    mail: str
    status: Annotated[str, Meta(description="invited, active, disabled")]
    grants: dict[str, Role]
    issuer: Annotated[str | None, Meta(description="Of an identity provider.")]
    subject: str | None
    has_password: bool
    locked_until: Moment | None
    created_at: Moment
    signed_in_at: Moment | None


class OperatorsAnswer(PageAnswer, frozen=True):
    """A page of operators, by name."""

    items: list[OperatorAnswer]


class InvitedAnswer(Answer, frozen=True):
    """An operator, and the link that is shown this once."""

    operator: OperatorAnswer
    url: Annotated[str, Meta(description="Where this person sets a password.")]
    expires_at: Moment


class SignedOutAnswer(Answer, frozen=True):
    """How many sessions ended."""

    sessions: int


class ApiTokenAnswer(Answer, frozen=True):
    """What is known of a token; not the token."""

    id: int
    name: str
    owner: Annotated[str | None, Meta(description="Null for one that a command made.")]
    grants: Annotated[dict[str, Role], Meta(description="What it may at most.")]
    created_at: Moment
    expires_at: Moment
    used_at: Annotated[Moment | None, Meta(description="At most a minute stale.")]


class ApiTokensAnswer(PageAnswer, frozen=True):
    """A page of API tokens, by name."""

    items: list[ApiTokenAnswer]
