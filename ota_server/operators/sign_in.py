"""Signing in with a name and a password (B12).

Whoever guesses learns nothing but that the pair is wrong: a name that nobody has, a locked or a
disabled account and a wrong password take the same work and get the same sentence. An attempt counts
before it is looked at, so guesses that come all at once do not slip under the lock. argon2 works
outside of any transaction: devices do not wait for it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from sqlalchemy import Connection, Row, func, select, update

from ota_server.database.database import Database
from ota_server.database.operators_schema import operators
from ota_server.errors import SignInError
from ota_server.journal import audit
from ota_server.operators import session
from ota_server.operators.account import Status, is_account_name
from ota_server.operators.actor import ActorKind
from ota_server.operators.password import Passwords, check_password
from ota_server.operators.session import SessionRules
from ota_server.settings import OperatorSettings

_LOG: Final = logging.getLogger(__name__)
_LOCK_MOST: Final = timedelta(days=1)
_DOUBLINGS_MOST: Final = 20
_WRONG: Final = (
    "expected the name and the password of an operator, got another pair; after several wrong ones "
    "wait a while, or ask an admin for a new link"
)


@dataclass(frozen=True, slots=True)
class LockRules:
    """When guessing ends.

    Attributes:
        after: so many wrong passwords in a row lock the account ...
        lock: ... for so long; each further one doubles it, up to a day.
    """

    after: int = 10
    lock: timedelta = timedelta(minutes=15)

    @classmethod
    def of(cls, settings: OperatorSettings) -> Self:
        """As the settings say."""
        return cls(settings.lock_after, timedelta(seconds=settings.lock_s))

    def locked_for(self, failures: int) -> timedelta:
        """How long after so many wrong ones in a row."""
        if failures < self.after:
            return timedelta(0)
        doubled: int = 2 ** min(failures - self.after, _DOUBLINGS_MOST)
        return min(self.lock * doubled, max(_LOCK_MOST, self.lock))


@dataclass(frozen=True, slots=True)
class SignInRules:
    """How people sign in, and for how long."""

    locks: LockRules
    sessions: SessionRules

    @classmethod
    def of(cls, settings: OperatorSettings) -> Self:
        """As the settings say."""
        return cls(LockRules.of(settings), SessionRules.of(settings))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What a password is compared with.

    Attributes:
        operator_id: None where there is nobody to sign in.
        kept: the password's hash; empty where there is none.
        failures: before this attempt.
    """

    operator_id: int | None = None
    name: str = ""
    kept: str = ""
    failures: int = 0


def sign_in(
    database: Database,
    passwords: Passwords,
    name: str,
    password: str,
    *,
    rules: SignInRules,
    now: datetime,
) -> str:
    """Begin a session for whoever knows the password; it takes transactions of its own.

    Args:
        database: call it in a thread that may wait: it takes some 0.1 s of CPU.
        passwords: of the process.
        name: of the operator.
        password: as it was typed.
        rules: when accounts lock, and how long sessions last.
        now: UTC.

    Returns:
        the session's token, for the cookie.

    Raises:
        SignInError: it is not to be: nobody is told why.
    """
    attempt = _tried(database, passwords, name, password, rules.locks, now)
    rehashed = passwords.hash(password) if passwords.is_outdated(attempt.kept) else attempt.kept
    with database.begin() as connection:
        operator_id = _succeed(connection, attempt, rehashed, now)
        _note(connection, attempt, "operator.sign-in", now, failed_before=attempt.failures)
        return session.start(connection, operator_id, now, rules=rules.sessions)


def change_password(
    database: Database,
    passwords: Passwords,
    token: str,
    *,
    old: str,
    new: str,
    rules: SignInRules,
    now: datetime,
) -> str:
    """Put a new password in place of the old one, and end all sessions; as ``sign_in`` otherwise.

    Args:
        database: as in ``sign_in``.
        passwords: of the process.
        token: of the session in which it is done.
        old: the present password.
        new: the one to come.
        rules: as in ``sign_in``.
        now: UTC.

    Returns:
        a new session's token: one that was stolen before is worth nothing.

    Raises:
        SignInError: the old one is not the old one; that counts as in ``sign_in``.
        InvalidError: the new one is guessed too early.
        UnauthenticatedError: nobody is signed in.
    """
    with database.read() as connection:
        name = session.find(connection, token, now, rules=rules.sessions).operator.name
    check_password(new, name)
    attempt = _tried(database, passwords, name, old, rules.locks, now)
    kept = passwords.hash(new)
    with database.begin() as connection:
        operator_id = _succeed(connection, attempt, kept, now)
        session.end_all(connection, operator_id)
        _note(connection, attempt, "operator.change-password", now)
        return session.start(connection, operator_id, now, rules=rules.sessions)


def _tried(
    database: Database,
    passwords: Passwords,
    name: str,
    password: str,
    rules: LockRules,
    now: datetime,
) -> _Attempt:
    with database.begin() as connection:
        attempt = _count(connection, name, rules, now)
    if not passwords.matches(attempt.kept, password):
        # never the password; a name may be one that was typed into the wrong field
        who = repr(attempt.name) if attempt.operator_id else "a name that may not"
        _LOG.warning("sign-in refused for %s", who)
        raise SignInError(_WRONG)
    return attempt


def _count(connection: Connection, name: str, rules: LockRules, now: datetime) -> _Attempt:
    """Count an attempt; where nobody can sign in, another row is written as it is: same work."""
    row = _row(connection, name)
    if row is None or not _may_try(row, now):
        first = select(func.min(operators.c.id)).scalar_subquery()
        same = {"failed_sign_ins": operators.c.failed_sign_ins, "locked_until": operators.c.locked_until}
        connection.execute(update(operators).where(operators.c.id == first).values(same))
        return _Attempt()
    failures = row.failed_sign_ins + 1
    values = {
        "failed_sign_ins": failures,
        "locked_until": int((now + rules.locked_for(failures)).timestamp()),
    }
    connection.execute(update(operators).filter_by(id=row.id).values(values))
    return _Attempt(row.id, row.name, row.password_hash, row.failed_sign_ins)


def _row(connection: Connection, name: str) -> Row[Any] | None:
    # what nobody can be called may hold what the database cannot take
    asked = name if is_account_name(name) else "-"
    return connection.execute(select(operators).filter_by(name=asked).with_for_update()).first()


def _may_try(row: Row[Any], now: datetime) -> bool:
    is_locked = row.locked_until > now.timestamp()
    return bool(row.password_hash) and row.status == Status.ACTIVE and not is_locked


def _succeed(connection: Connection, attempt: _Attempt, kept: str, now: datetime) -> int:
    """Forget what failed before; not if the account was changed meanwhile."""
    wanted = update(operators).filter_by(
        id=attempt.operator_id, status=Status.ACTIVE.value, password_hash=attempt.kept
    )
    values = {
        "failed_sign_ins": 0,
        "locked_until": 0,
        "password_hash": kept,
        "signed_in_at": int(now.timestamp()),
    }
    done = connection.execute(wanted.values(values).returning(operators.c.id)).first()
    if done is None:
        raise SignInError(_WRONG)
    return int(done.id)


def _note(
    connection: Connection, attempt: _Attempt, action: str, now: datetime, **detail: object
) -> None:
    entry = audit.Entry(ActorKind.OPERATOR, attempt.name, action, attempt.name, detail=detail)
    audit.append(connection, entry, now=now)
