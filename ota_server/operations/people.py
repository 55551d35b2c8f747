"""Operators: who may come, and what each may. Nobody changes the own account's rights (B12)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from ota_server.errors import ForbiddenError
from ota_server.operations.desk import Desk
from ota_server.operators import account, account_changes, invitation, session
from ota_server.operators.account import Operator
from ota_server.operators.actor import ActorKind, Role
from ota_server.operators.invitation import LIFETIME_DEFAULT, Link
from ota_server.operators.role import Grant
from ota_server.operators.session import Session, SessionRules
from ota_server.page import Page


@dataclass(frozen=True, slots=True)
class Invited:
    """An operator, and the link that is shown this once."""

    operator: Operator
    link: Link


def invite(
    desk: Desk,
    name: str,
    grants: Iterable[Grant],
    *,
    mail: str = "",
    lifetime: timedelta = LIFETIME_DEFAULT,
) -> Invited:
    """Make an account, and a link by which its person sets a password.

    Args:
        desk: of an admin of all products.
        name: unique, and stays.
        grants: what it may.
        mail: where mail for this person goes.
        lifetime: of the link.

    Raises:
        ForbiddenError: who asks is no admin of all products; as in all that follow but the last four.
        InvalidError: a name, an address or the lifetime cannot be one.
        ConflictError: there is an operator of this name.
    """
    desk.need_everywhere(Role.ADMIN)
    given = list(grants)
    made = account.create(desk.connection, name, given, mail=mail, now=desk.now)
    link = invitation.invite(desk.connection, made.id, lifetime=lifetime, now=desk.now)
    desk.note("operator.invite", name, grants={g.product: g.role.value for g in given})
    return Invited(made, link)


def invite_again(desk: Desk, name: str, *, lifetime: timedelta = LIFETIME_DEFAULT) -> Invited:
    """Make a new link for an operator who has none any more, forgot the password, or is locked out.

    Raises:
        NotFoundError: there is no such operator; as in all that follow.
        ForbiddenError: it is the own account; as in all that follow but ``find`` and ``sign_out``.
        InvalidError: the lifetime cannot be one.
    """
    operator = _another(desk, name)
    if operator.status is account.Status.DISABLED:
        raise ForbiddenError(f"expected an operator who is not disabled, got {name}; enable it first")
    link = invitation.invite(desk.connection, operator.id, lifetime=lifetime, now=desk.now)
    desk.note("operator.invite-again", name)
    return Invited(operator, link)


def listed(desk: Desk, *, after: str | None = None, limit: int = 100) -> Page[Operator]:
    """A page of the operators, in the order of their names."""
    desk.need_everywhere(Role.ADMIN)
    return account.listed(desk.connection, after=after, limit=limit)


def find(desk: Desk, name: str) -> Operator:
    """Look one up."""
    desk.need_everywhere(Role.ADMIN)
    return account.find(desk.connection, name)


def grant(desk: Desk, name: str, given: Grant) -> Operator:
    """Give a role for one product, in place of the one that it has there."""
    operator = _another(desk, name)
    account_changes.set_grant(desk.connection, operator.id, given)
    desk.note("operator.grant", name, role=given.role.value, for_product=given.product)
    return account.find(desk.connection, name)


def revoke_grant(desk: Desk, name: str, product: str) -> Operator:
    """Take the role for one product, or with ``*`` the one for all, away."""
    operator = _another(desk, name)
    account_changes.remove_grant(desk.connection, operator.id, product)
    desk.note("operator.revoke-grant", name, for_product=product)
    return account.find(desk.connection, name)


def disable(desk: Desk, name: str) -> Operator:
    """Refuse an operator, and the operator's tokens, from the next request on."""
    operator = _another(desk, name)
    account_changes.disable(desk.connection, operator.id)
    desk.note("operator.disable", name)
    return account.find(desk.connection, name)


def enable(desk: Desk, name: str) -> Operator:
    """Let an operator in again; also ends a lock after wrong passwords."""
    operator = _another(desk, name)
    account_changes.enable(desk.connection, operator.id)
    desk.note("operator.enable", name)
    return account.find(desk.connection, name)


def link(desk: Desk, name: str, issuer: str, subject: str) -> Operator:
    """Let who has this identity at an identity provider sign in as this operator.

    Raises:
        ConflictError: another operator has this identity.
    """
    operator = _another(desk, name)
    account_changes.link(desk.connection, operator.id, issuer, subject)
    desk.note("operator.link", name, issuer=issuer, subject=subject)
    return account.find(desk.connection, name)


def sign_out(desk: Desk, name: str) -> int:
    """End all sessions of an operator; returns how many."""
    ended = session.end_all(desk.connection, find(desk, name).id)
    desk.note("operator.sign-out", name, sessions=ended)
    return ended


def remove(desk: Desk, name: str) -> None:
    """Forget an operator, with sessions, links and tokens; the audit log stays."""
    operator = _another(desk, name)
    account_changes.remove(desk.connection, operator.id)
    desk.note("operator.remove", name)


def myself(desk: Desk) -> Operator:
    """Who is signed in.

    Raises:
        ForbiddenError: nobody is: a token or a command asks; as in those that follow.
    """
    if desk.actor.kind is not ActorKind.OPERATOR or desk.actor.operator_id is None:
        raise ForbiddenError(f"expected an operator who is signed in, got {desk.actor.label}")
    return account.with_id(desk.connection, desk.actor.operator_id)


def my_sessions(desk: Desk, *, rules: SessionRules) -> tuple[Session, ...]:
    """The own open sessions, the one that was used last first."""
    return session.listed(desk.connection, myself(desk).id, desk.now, rules=rules)


def end_my_session(desk: Desk, handle: str) -> None:
    """End one of the own sessions.

    Raises:
        NotFoundError: there is none of this handle.
    """
    me = myself(desk)
    session.end_one(desk.connection, me.id, handle)
    desk.note("operator.end-session", me.name)


def sign_me_out(desk: Desk, token: str) -> None:
    """End the session in which this is asked."""
    session.end(desk.connection, token)
    desk.note("operator.sign-out", myself(desk).name, sessions=1)


def _another(desk: Desk, name: str) -> Operator:
    """Look up whose account is to be changed: neither one's own, nor by a token one's owner's."""
    operator = account.hold(desk.connection, find(desk, name).id)
    if operator.id == desk.actor.operator_id:
        raise ForbiddenError("expected another operator's account, got your own; ask another admin")
    return operator
