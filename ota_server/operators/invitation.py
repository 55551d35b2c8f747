"""One-time links: how an operator gets a first password, or a new one (B13).

No password is ever made by the server or by another person: whoever has the link chooses one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from ota_server.database.database import Database
from ota_server.database.drop import drop_free
from ota_server.database.operators_schema import invitations, operators
from ota_server.errors import InvalidError, NotFoundError
from ota_server.journal import audit
from ota_server.operators import account, secret_token, session
from ota_server.operators.account import Operator, Status
from ota_server.operators.actor import ActorKind
from ota_server.operators.password import Passwords, check_password
from ota_server.operators.secret_token import Prefix
from ota_server.operators.session import SessionRules

LIFETIME_DEFAULT: Final = timedelta(days=1)
LIFETIME_MOST: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Link:
    """A new link; it is shown this once.

    Attributes:
        code: stands behind ``/welcome?code=``.
    """

    code: str
    expires_at: datetime

    def url(self, public_url: str) -> str:
        """What the person opens."""
        return f"{public_url}/welcome?code={self.code}"


def invite(
    connection: Connection,
    operator_id: int,
    *,
    lifetime: timedelta = LIFETIME_DEFAULT,
    now: datetime,
) -> Link:
    """Make a link; an earlier one of this operator is void.

    Args:
        connection: in a transaction that writes.
        operator_id: whose password it sets.
        lifetime: at most 14 days.
        now: UTC.

    Raises:
        InvalidError: the lifetime cannot be one.
    """
    if not timedelta(0) < lifetime <= LIFETIME_MOST:
        raise InvalidError(
            f"lifetime: expected more than none and at most {LIFETIME_MOST.days} days, got "
            f"{lifetime / timedelta(days=1):g} days"
        )
    # of two links that are made at once the later one counts
    account.hold(connection, operator_id)
    drop_free(connection, invitations.c.id, invitations.c.expires_at <= int(now.timestamp()))
    connection.execute(delete(invitations).filter_by(operator_id=operator_id))
    code = secret_token.make(Prefix.LINK)
    expires_at = (now + lifetime).replace(microsecond=0)
    row = {
        "code_sha256": secret_token.digest(code),
        "operator_id": operator_id,
        "created_at": int(now.timestamp()),
        "expires_at": int(expires_at.timestamp()),
    }
    connection.execute(insert(invitations).values(row))
    return Link(code, expires_at)


def find(connection: Connection, code: str, now: datetime) -> Operator:
    """Whose link it is; nothing is used up.

    Raises:
        NotFoundError: it is none, was used, or expired.
    """
    row = connection.execute(select(invitations).where(_is_valid(code, now))).first()
    if row is None:
        raise _void()
    return account.with_id(connection, row.operator_id)


def expires_at(connection: Connection, operator_id: int, now: datetime) -> datetime | None:
    """Until when an operator has a link that nobody has used; None without one."""
    ends = invitations.c.expires_at
    query = select(ends).filter_by(operator_id=operator_id).where(ends > int(now.timestamp()))
    found = connection.scalar(query)
    return None if found is None else datetime.fromtimestamp(found, UTC)


def accept(
    database: Database,
    passwords: Passwords,
    code: str,
    password: str,
    *,
    rules: SessionRules,
    now: datetime,
) -> str:
    """Set the password that the person chose, use the link up, and begin a session.

    All earlier sessions of the operator end, and a lock. It takes transactions of its own; call it in
    a thread that may wait.

    Returns:
        the session's token, for the cookie.

    Raises:
        NotFoundError: the link is none, was used, or expired.
        InvalidError: the password is guessed too early; the link stays good.
    """
    with database.read() as connection:
        known = find(connection, code, now)
    name = known.name
    check_password(password, name)
    kept = passwords.hash(password)
    with database.begin() as connection:
        # before the link, as whoever disables it does
        _held(connection, known.id)
        operator_id = _use(connection, code, now)
        _set_password(connection, operator_id, kept, now)
        entry = audit.Entry(ActorKind.OPERATOR, name, "operator.set-password", name)
        audit.append(connection, entry, now=now)
        return session.start(connection, operator_id, now, rules=rules)


def _held(connection: Connection, operator_id: int) -> None:
    try:
        account.hold(connection, operator_id)
    except NotFoundError as e:
        raise _void() from e


def _use(connection: Connection, code: str, now: datetime) -> int:
    # of two at once one finds no row
    gone = delete(invitations).where(_is_valid(code, now)).returning(invitations.c.operator_id)
    row = connection.execute(gone).first()
    if row is None:
        raise _void()
    return int(row.operator_id)


def _set_password(connection: Connection, operator_id: int, kept: str, now: datetime) -> None:
    session.end_all(connection, operator_id)
    values = {
        "status": Status.ACTIVE.value,
        "password_hash": kept,
        "failed_sign_ins": 0,
        "locked_until": 0,
        "signed_in_at": int(now.timestamp()),
    }
    connection.execute(update(operators).filter_by(id=operator_id).values(values))


def _is_valid(code: str, now: datetime) -> ColumnElement[bool]:
    return (invitations.c.code_sha256 == secret_token.digest(code)) & (
        invitations.c.expires_at > int(now.timestamp())
    )


def _void() -> NotFoundError:
    return NotFoundError(
        "expected a link that was not used and has not expired, got another; ask an admin for a new "
        "one, or run `ota-server user invite NAME --again` on the server"
    )
