"""Operators' accounts: who there is, and what each may."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select
from sqlalchemy.exc import IntegrityError

from ota_client.formats.strict import format_time
from ota_server.database.operators_schema import audit_entries, operators
from ota_server.errors import ConflictError, InvalidError, NotFoundError
from ota_server.operators.actor import Actor, ActorKind
from ota_server.operators.grants import grants_of, put_grants
from ota_server.operators.role import Grant, Grants, Role
from ota_server.page import Page, check_limit

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}", re.ASCII)
NAME_RULE: Final = "1 to 64 lower-case letters, digits, '.', '_', '-' and '@'"
# as subscriptions have them (notify/mail_address.py)
_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}", re.ASCII)


class Status(StrEnum):
    """How an account stands."""

    # has never signed in: has a link, or comes from an identity provider
    INVITED = "invited"
    ACTIVE = "active"
    # may do nothing, nor may its tokens
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Operator:
    """One account.

    Attributes:
        mail: empty for none.
        grants: the role by product; ``*`` is for all.
        issuer: of an identity provider; None for one that signs in with a password alone.
        subject: its name there.
        has_password: whether it can sign in with one.
        locked_until: after too many wrong passwords; None if it never was.
        signed_in_at: the last time; None before the first.
    """

    id: int
    name: str
    mail: str
    status: Status
    grants: Grants
    issuer: str | None
    subject: str | None
    has_password: bool
    locked_until: datetime | None
    created_at: datetime
    signed_in_at: datetime | None

    @property
    def actor(self) -> Actor:
        """Who asks, when this operator does."""
        return Actor(ActorKind.OPERATOR, self.name, self.grants, self.id)

    def to_fields(self) -> dict[str, object]:
        """The account as JSON fields (docs/reference/ota-server.md)."""
        return {
            "name": self.name,
            "mail": self.mail,
            "status": self.status.value,
            "grants": {product: role.value for product, role in sorted(self.grants.items())},
            "issuer": self.issuer,
            "subject": self.subject,
            "has_password": self.has_password,
            "locked_until": _text(self.locked_until),
            "created_at": _text(self.created_at),
            "signed_in_at": _text(self.signed_in_at),
        }


def create(
    connection: Connection,
    name: str,
    grants: Iterable[Grant],
    *,
    mail: str = "",
    identity: tuple[str, str] | None = None,
    now: datetime,
) -> Operator:
    """Make an account that has no password yet.

    Args:
        connection: in a transaction that writes.
        name: unique, and stays.
        grants: what it may.
        mail: where mail for this person goes; empty for none.
        identity: issuer and subject of an identity provider.
        now: UTC.

    Raises:
        InvalidError: a name or an address is none.
        ConflictError: there is an operator of this name, or of this identity; or there was one, and the
            audit log has what that one did.
    """
    check_name(name)
    _check_mail(mail)
    _check_never_used(connection, name)
    issuer, subject = identity or (None, None)
    row = {
        "name": name,
        "mail": mail,
        "issuer": issuer,
        "subject": subject,
        "status": Status.INVITED.value,
        "created_at": _seconds(now),
    }
    try:
        with connection.begin_nested():
            operator_id = connection.scalar(insert(operators).values(row).returning(operators.c.id))
    except IntegrityError as e:
        other = ", or one of this identity" if identity else "; invited again, it gets a new link"
        raise ConflictError(f"there is an operator {name!r} already{other}") from e
    put_grants(connection, int(operator_id or 0), grants)
    return find(connection, name)


def find(connection: Connection, name: str) -> Operator:
    """Look one up by name.

    Raises:
        NotFoundError: there is none.
    """
    if is_account_name(name):
        row = connection.execute(select(operators).filter_by(name=name)).first()
        if row is not None:
            return _operators(connection, [row])[0]
    raise NotFoundError(f"expected the name of an operator, got {name[:80]!r}")


def with_id(connection: Connection, operator_id: int) -> Operator:
    """Look one up by number.

    Raises:
        NotFoundError: there is none.
    """
    row = connection.execute(select(operators).filter_by(id=operator_id)).first()
    if row is None:
        raise NotFoundError(f"expected the number of an operator, got {operator_id}")
    return _operators(connection, [row])[0]


def hold(connection: Connection, operator_id: int) -> Operator:
    """Look one up by number, and let nobody else change it until the transaction ends.

    Whoever decides by an account's state holds it first: else one that is disabled meanwhile is let in
    again, or a role that was taken away comes back with the others.

    Raises:
        NotFoundError: there is none.
    """
    connection.execute(select(operators.c.id).filter_by(id=operator_id).with_for_update())
    return with_id(connection, operator_id)


def with_identity(connection: Connection, issuer: str, subject: str) -> Operator | None:
    """Who is known by this name at an identity provider."""
    row = connection.execute(select(operators).filter_by(issuer=issuer, subject=subject)).first()
    return None if row is None else _operators(connection, [row])[0]


def listed(connection: Connection, *, after: str | None = None, limit: int = 100) -> Page[Operator]:
    """A page of them in the order of their names.

    Raises:
        InvalidError: the limit cannot be one.
    """
    check_limit(limit)
    query = select(operators).order_by(operators.c.name).limit(limit + 1)
    if after is not None:
        query = query.where(operators.c.name > after)
    total = connection.scalar(select(func.count()).select_from(operators)) or 0
    found = _operators(connection, connection.execute(query).all())
    more = len(found) > limit
    return Page(found[:limit], total, found[limit - 1].name if more else None)


def is_account_name(name: str) -> bool:
    """Whether an operator, or an API token, may be called so."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Refuse what no operator, and no API token, can be called.

    Raises:
        InvalidError: it is no such name.
    """
    if not is_account_name(name):
        raise InvalidError(f"name: expected {NAME_RULE}, got {name[:80]!r}")


def is_mail(text: str) -> bool:
    """Whether it is an address that mail can be sent to."""
    return _MAIL.fullmatch(text) is not None


def _check_never_used(connection: Connection, name: str) -> None:
    """What a name did in the audit log, one person did."""
    did = {"actor_kind": ActorKind.OPERATOR.value, "actor": name}
    known = connection.execute(select(operators.c.id).filter_by(name=name)).first()
    if known is None and connection.execute(select(audit_entries.c.id).filter_by(**did)).first():
        raise ConflictError(
            f"there was an operator {name!r}, and the audit log has what that one did: expected another "
            "name"
        )


def _check_mail(mail: str) -> None:
    if mail and not is_mail(mail):
        raise InvalidError(f"mail: expected an address such as mia@example.com, got {mail[:80]!r}")


def _operators(connection: Connection, rows: Iterable[Row[Any]]) -> tuple[Operator, ...]:
    found = list(rows)
    grants = grants_of(connection, [row.id for row in found])
    return tuple(_operator(row, grants[row.id]) for row in found)


def _operator(row: Row[Any], grants: Mapping[str, Role]) -> Operator:
    return Operator(
        id=row.id,
        name=row.name,
        mail=row.mail,
        status=Status(row.status),
        grants=grants,
        issuer=row.issuer,
        subject=row.subject,
        has_password=bool(row.password_hash),
        locked_until=_moment(row.locked_until or None),
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        signed_in_at=_moment(row.signed_in_at),
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
