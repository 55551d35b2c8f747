"""API tokens: everybody's own, and an admin of all products looks after all."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from ota_server.errors import ConflictError, ForbiddenError, NotFoundError
from ota_server.operations.desk import Desk
from ota_server.operators import api_token
from ota_server.operators.actor import ActorKind, Role
from ota_server.operators.api_token import LIFETIME_DEFAULT, ApiToken, IssuedApiToken
from ota_server.operators.role import ALL_PRODUCTS, Grant
from ota_server.page import Page

# of one operator; commands make as many as they like
_EACH_MOST: Final = 100


def issue(
    desk: Desk, name: str, grants: Sequence[Grant], *, lifetime: timedelta = LIFETIME_DEFAULT
) -> IssuedApiToken:
    """Make a token that may at most what is granted here, and never more than its owner.

    Args:
        desk: whose the token becomes; one that a command makes has no owner.
        name: stands in the audit log.
        grants: each one that who asks holds.
        lifetime: at most 366 days.

    Raises:
        NotFoundError: a product that who asks does not see.
        ForbiddenError: a role that who asks does not hold, or a token asks: tokens come from people.
        InvalidError: the name or the lifetime cannot be one.
        ConflictError: there is a token of this name, or who asks has too many already.
    """
    if desk.actor.kind is ActorKind.TOKEN:
        raise ForbiddenError("expected a person who is signed in, or a command, got an API token")
    for given in grants:
        if given.product == ALL_PRODUCTS:
            desk.need_everywhere(given.role)
        else:
            desk.need(given.role, given.product)
    _check_number(desk)
    issued = api_token.issue(
        desk.connection,
        name=name,
        grants=grants,
        operator_id=desk.actor.operator_id,
        lifetime=lifetime,
        now=desk.now,
    )
    desk.note("api-token.issue", name, grants={g.product: g.role.value for g in grants})
    return issued


def listed(
    desk: Desk, *, mine: bool = False, after: str | None = None, limit: int = 100
) -> Page[ApiToken]:
    """A page of the tokens that have not expired, in the order of their names.

    Args:
        desk: an admin of all products sees all, others see their own.
        mine: the own ones, whoever asks.
        after: ``next_after`` of the page before.
        limit: most tokens on the page.

    Raises:
        ForbiddenError: who asks has none: a token that a command made.
        InvalidError: the limit cannot be one.
    """
    everyone = desk.actor.may_everywhere(Role.ADMIN) and not mine
    owner = None if everyone else _owner(desk)
    return api_token.listed(desk.connection, desk.now, operator_id=owner, after=after, limit=limit)


def withdraw(desk: Desk, token_id: int) -> None:
    """Make a token void from the next request on.

    Raises:
        NotFoundError: there is none of that number, or it is another's.
    """
    found = api_token.with_id(desk.connection, token_id)
    is_mine = found.owner_id is not None and found.owner_id == desk.actor.operator_id
    if not is_mine and not desk.actor.may_everywhere(Role.ADMIN):
        raise NotFoundError(f"expected the id of an API token, got {token_id}")
    api_token.withdraw(desk.connection, token_id)
    desk.note("api-token.withdraw", found.name)


def _check_number(desk: Desk) -> None:
    """Each may ask so often by itself: nobody makes them without end (B07)."""
    owner = desk.actor.operator_id
    if owner is None:
        return
    page = api_token.listed(desk.connection, desk.now, operator_id=owner, limit=1)
    if page.total >= _EACH_MOST:
        raise ConflictError(f"expected at most {_EACH_MOST} API tokens of one operator: withdraw some")


def _owner(desk: Desk) -> int:
    if desk.actor.operator_id is None:
        raise ForbiddenError("expected an operator, whose tokens are listed, got " + desk.actor.label)
    return desk.actor.operator_id
