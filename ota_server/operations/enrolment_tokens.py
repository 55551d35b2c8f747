"""Enrolment tokens, as people issue and withdraw them (B04)."""

from collections.abc import Sequence
from datetime import timedelta

from ota_client.formats.strict import format_time
from ota_server.devices import tokens
from ota_server.devices.tokens import IssuedToken, Token
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role


def listed(desk: Desk) -> tuple[Token, ...]:
    """What is known of the tokens that have not expired, oldest first; not the tokens."""
    return tokens.listed(desk.connection, desk.now, products=desk.products)


def issue(
    desk: Desk,
    product: str,
    *,
    device_ids: str = "*",
    uses: int = 1,
    lifetime: timedelta,
    tags: Sequence[str] = (),
    rekey: bool = False,
) -> IssuedToken:
    """Make a token; it is shown this once. Needs an operator of the product.

    Args:
        desk: who asks.
        product: whose devices it is for.
        device_ids: an id, or a pattern such as ``cam-*``.
        uses: how many devices it enrols.
        lifetime: at most 366 days.
        tags: for the devices that it enrols.
        rekey: give the known device of this id to another key, once.

    Raises:
        NotFoundError: the actor does not see the product.
        InvalidError: one of them is not what it should be.
    """
    desk.need(Role.OPERATOR, product)
    issued = tokens.issue(
        desk.connection,
        product=product,
        device_ids=device_ids,
        uses=uses,
        lifetime=lifetime,
        tags=tags,
        rekey=rekey,
        now=desk.now,
    )
    desk.note(
        "enrolment-token.issue",
        str(issued.id),
        product=product,
        device_ids=device_ids,
        uses=uses,
        rekey=rekey,
        expires_at=format_time(issued.expires_at),
    )
    return issued


def withdraw(desk: Desk, token_id: int) -> Token:
    """Make a token void; devices that it enrolled stay. Needs an operator of its product.

    Raises:
        NotFoundError: there is none of that id, or the actor does not see its product.
    """
    found = tokens.with_id(desk.connection, token_id, desk.now, products=desk.products)
    desk.need(Role.OPERATOR, found.product)
    tokens.withdraw(desk.connection, token_id)
    desk.note("enrolment-token.withdraw", str(token_id), product=found.product)
    return found
