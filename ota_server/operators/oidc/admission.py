"""Letting somebody in who came from an identity provider."""

from datetime import datetime

from sqlalchemy import Connection, update

from ota_server.database.database import Database
from ota_server.database.operators_schema import operators
from ota_server.errors import ConflictError, InvalidError, SignInError
from ota_server.journal import audit
from ota_server.operators import account, session
from ota_server.operators.account import Operator, Status
from ota_server.operators.actor import ActorKind
from ota_server.operators.grants import put_grants
from ota_server.operators.oidc.identity import Identity
from ota_server.operators.role import Grant
from ota_server.operators.session import SessionRules


def admit(database: Database, identity: Identity, *, rules: SessionRules, now: datetime) -> str:
    """Begin a session for who came; somebody new becomes an operator if the claims grant a role.

    Where claims grant roles, they are what the operator holds from now on. If they grant none any more,
    the operator loses all, and is refused.

    Args:
        database: a transaction of its own is taken.
        identity: who came.
        rules: how long the session lasts.
        now: UTC.

    Returns:
        the session's token, for the cookie.

    Raises:
        SignInError: nobody knows this identity and it grants no role, the operator is disabled or
            lost all roles, or the name of somebody new is taken.
    """
    with database.begin() as connection:
        operator = account.with_identity(connection, identity.issuer, identity.subject)
        if operator is None:
            operator = _new(connection, identity, now)
        else:
            operator = account.hold(connection, operator.id)
        if operator.status is Status.DISABLED:
            raise _disabled()
        _take_grants(connection, operator, identity, now)
        token = _enter(connection, operator, identity, rules, now)
    if token is None:
        raise SignInError(_NO_ROLE)
    return token


_NO_ROLE = "expected somebody whom the identity provider gives a role here, got none; ask an admin"


def _new(connection: Connection, identity: Identity, now: datetime) -> Operator:
    if not identity.grants:
        raise SignInError(_NO_ROLE)
    grants = [Grant(role, product) for product, role in identity.grants.items()]
    try:
        made = account.create(
            connection,
            identity.name,
            grants,
            mail=identity.mail,
            identity=(identity.issuer, identity.subject),
            now=now,
        )
    except InvalidError as e:
        raise SignInError(f"the identity provider's name for you cannot be taken: {e}") from e
    except ConflictError as e:
        # never taken for the same person because of a name
        raise SignInError(
            f"{e}; an admin may let you in as an operator that there is by `ota-server user link`"
        ) from e
    _note(connection, made, "operator.join", now, issuer=identity.issuer)
    return made


def _take_grants(connection: Connection, operator: Operator, identity: Identity, now: datetime) -> None:
    if identity.grants is None or dict(operator.grants) == dict(identity.grants):
        return
    grants = [Grant(role, product) for product, role in identity.grants.items()]
    put_grants(connection, operator.id, grants)
    said = {grant.product: grant.role.value for grant in grants}
    _note(connection, operator, "operator.grants-claimed", now, grants=said)


def _enter(
    connection: Connection,
    operator: Operator,
    identity: Identity,
    rules: SessionRules,
    now: datetime,
) -> str | None:
    if identity.grants is not None and not identity.grants:
        session.end_all(connection, operator.id)
        return None
    values = {"status": Status.ACTIVE.value, "signed_in_at": int(now.timestamp())}
    # an admin may have disabled it since it was looked up: that must not be undone
    wanted = (
        update(operators).filter_by(id=operator.id).where(operators.c.status != Status.DISABLED.value)
    )
    if not connection.execute(wanted.values(values)).rowcount:
        raise _disabled()
    _note(connection, operator, "operator.sign-in", now, issuer=identity.issuer)
    return session.start(connection, operator.id, now, rules=rules)


def _disabled() -> SignInError:
    return SignInError("expected an operator who is not disabled; ask an admin")


def _note(
    connection: Connection, operator: Operator, action: str, now: datetime, **detail: object
) -> None:
    entry = audit.Entry(ActorKind.OPERATOR, operator.name, action, operator.name, detail=detail)
    audit.append(connection, entry, now=now)
