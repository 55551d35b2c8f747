"""The first operator: made by a command on the server, and given a link, no password (B13)."""

from datetime import datetime

from sqlalchemy import Connection, select

from ota_server.database.operators_schema import operators
from ota_server.journal import audit
from ota_server.operators import account, invitation
from ota_server.operators.actor import ActorKind
from ota_server.operators.invitation import Link
from ota_server.operators.role import ALL_PRODUCTS, Grant, Role


def invite_first(connection: Connection, name: str, *, by: str, now: datetime) -> Link | None:
    """Make an admin of all products and a link; None if there are operators already.

    Args:
        connection: in a transaction that writes.
        name: of the operator.
        by: the machine's account whose command it is.
        now: UTC.

    Raises:
        InvalidError: nobody can be called so.
    """
    if connection.execute(select(operators.c.id).limit(1)).first() is not None:
        return None
    made = account.create(connection, name, [Grant(Role.ADMIN, ALL_PRODUCTS)], now=now)
    grants = {ALL_PRODUCTS: Role.ADMIN.value}
    entry = audit.Entry(ActorKind.MACHINE, by, "operator.invite", name, detail={"grants": grants})
    audit.append(connection, entry, now=now)
    return invitation.invite(connection, made.id, now=now)
