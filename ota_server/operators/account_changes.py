"""What may be done to an operator's account, once it is there."""

from typing import Final

from sqlalchemy import Connection, delete, update
from sqlalchemy.exc import IntegrityError

from ota_server.database.operators_schema import invitations, operator_grants, operators, sessions
from ota_server.errors import ConflictError, InvalidError, NotFoundError
from ota_server.operators import account
from ota_server.operators.account import Status
from ota_server.operators.grants import grants_of, put_grants
from ota_server.operators.role import Grant

# OpenID Connect Core 1.0, 2
_SUBJECT_LONGEST: Final = 255


def set_grant(connection: Connection, operator_id: int, grant: Grant) -> None:
    """Give one role for one product, in place of the one that it has there."""
    held = grants_of(connection, [operator_id])[operator_id] | {grant.product: grant.role}
    put_grants(connection, operator_id, (Grant(role, product) for product, role in held.items()))


def remove_grant(connection: Connection, operator_id: int, product: str) -> None:
    """Take its role for one product away.

    Raises:
        NotFoundError: it has none of its own for this product.
    """
    gone = delete(operator_grants).filter_by(operator_id=operator_id, product=product)
    if not connection.execute(gone).rowcount:
        raise NotFoundError(f"expected a product, or *, that it has a role for, got {product[:80]!r}")


def disable(connection: Connection, operator_id: int) -> None:
    """Refuse it and its tokens from the next request on; links are void, and nothing is forgotten."""
    for table in (sessions, invitations):
        connection.execute(delete(table).filter_by(operator_id=operator_id))
    _set(connection, operator_id, status=Status.DISABLED.value)


def enable(connection: Connection, operator_id: int) -> None:
    """Let it in again; a lock after wrong passwords ends as well."""
    known = account.with_id(connection, operator_id)
    status = Status.ACTIVE if known.has_password or known.signed_in_at else Status.INVITED
    _set(connection, operator_id, status=status.value, failed_sign_ins=0, locked_until=0)


def link(connection: Connection, operator_id: int, issuer: str, subject: str) -> None:
    """Let who has this identity at a provider sign in as this operator.

    Raises:
        InvalidError: the subject is none.
        ConflictError: another operator has this identity.
    """
    if not 1 <= len(subject) <= _SUBJECT_LONGEST:
        raise InvalidError(f"subject: expected 1 to {_SUBJECT_LONGEST} characters")
    try:
        with connection.begin_nested():
            _set(connection, operator_id, issuer=issuer, subject=subject)
    except IntegrityError as e:
        raise ConflictError("another operator has this identity: expected one that nobody has") from e


def remove(connection: Connection, operator_id: int) -> None:
    """Forget an operator, with sessions, links, tokens and subscriptions; the audit log stays."""
    connection.execute(delete(operators).filter_by(id=operator_id))


def _set(connection: Connection, operator_id: int, **values: object) -> None:
    connection.execute(update(operators).filter_by(id=operator_id).values(values))
