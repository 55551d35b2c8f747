"""Sessions: who is signed in at a browser, for how long, and what proves that a form is his own (B12).

A session's token is made when somebody signs in and never taken from outside, so nobody can be given
one that another knows (fixation). It ends when nothing came for a while, and however busy after hours.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, update

from ota_server.database.drop import drop_free
from ota_server.database.operators_schema import sessions
from ota_server.errors import NotFoundError, UnauthenticatedError
from ota_server.operators import account, secret_token
from ota_server.operators.account import Operator, Status
from ota_server.operators.actor import Actor
from ota_server.operators.secret_token import Prefix, RandomBytes
from ota_server.settings import OperatorSettings

# what is written of a session's use is at most so stale
_NOTED_EVERY_S: Final = 60
_CSRF: Final = b"ratchet csrf"
_HANDLE_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long sessions last.

    Attributes:
        lifetime: of any session.
        idle: one ends when nothing came for so long.
    """

    lifetime: timedelta = timedelta(hours=12)
    idle: timedelta = timedelta(hours=1)

    @classmethod
    def of(cls, settings: OperatorSettings) -> Self:
        """As the settings say."""
        return cls(
            timedelta(hours=settings.session_hours), timedelta(minutes=settings.session_idle_minutes)
        )


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a session is of.

    Attributes:
        csrf_token: every form of the session carries it.
        expires_at: the session ends then at the latest.
        use_is_due: ``note_use`` would write; call it in a transaction of its own.
    """

    operator: Operator
    csrf_token: str
    expires_at: datetime
    use_is_due: bool

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return self.operator.actor


@dataclass(frozen=True, slots=True)
class Session:
    """One session, for the list on the account's page.

    Attributes:
        handle: names it, and opens nothing.
        used_at: at most a minute stale.
    """

    handle: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime


def start(
    connection: Connection,
    operator_id: int,
    now: datetime,
    *,
    rules: SessionRules,
    random_bytes: RandomBytes | None = None,
) -> str:
    """Begin a session; those that have expired are forgotten meanwhile.

    Args:
        connection: in a transaction that writes.
        operator_id: whose.
        now: UTC.
        rules: how long it lasts.
        random_bytes: None for the operating system's.

    Returns:
        its token, for the cookie.
    """
    drop_free(connection, sessions.c.token_sha256, sessions.c.expires_at <= _seconds(now))
    made = (random_bytes,) if random_bytes else ()
    token = secret_token.make(Prefix.SESSION, *made)
    row = {
        "token_sha256": secret_token.digest(token),
        "operator_id": operator_id,
        "created_at": _seconds(now),
        "used_at": _seconds(now),
        "expires_at": _seconds(now + rules.lifetime),
    }
    connection.execute(insert(sessions).values(row))
    return token


def find(connection: Connection, token: str, now: datetime, *, rules: SessionRules) -> SignedIn:
    """Who is signed in; it reads only.

    Raises:
        UnauthenticatedError: nobody: there is no such session, it ended, or the account is disabled.
    """
    row = connection.execute(select(sessions).where(_is_open(token, now, rules))).first()
    if row is not None:
        operator = account.with_id(connection, row.operator_id)
        if operator.status is Status.ACTIVE:
            due = row.used_at <= _seconds(now) - _NOTED_EVERY_S
            return SignedIn(operator, csrf_token(token), _moment(row.expires_at), due)
    raise UnauthenticatedError("expected somebody who is signed in, got no session, or one that ended")


def note_use(connection: Connection, token: str, now: datetime) -> None:
    """Keep a session from ending for want of use; it writes at most once a minute."""
    due = sessions.c.used_at <= _seconds(now) - _NOTED_EVERY_S
    mine = sessions.c.token_sha256 == secret_token.digest(token)
    connection.execute(update(sessions).where(mine, due).values(used_at=_seconds(now)))


def end(connection: Connection, token: str) -> None:
    """Sign out; a session that is none already is none."""
    connection.execute(delete(sessions).filter_by(token_sha256=secret_token.digest(token)))


def end_all(connection: Connection, operator_id: int, *, but: str | None = None) -> int:
    """End an operator's sessions; returns how many.

    Args:
        connection: in a transaction that writes.
        operator_id: whose.
        but: the token of one that goes on.
    """
    wanted = delete(sessions).filter_by(operator_id=operator_id)
    if but is not None:
        wanted = wanted.where(sessions.c.token_sha256 != secret_token.digest(but))
    return connection.execute(wanted).rowcount


def end_one(connection: Connection, operator_id: int, handle: str) -> None:
    """End one of an operator's sessions.

    Raises:
        NotFoundError: this operator has no such session.
    """
    mine = select(sessions.c.token_sha256).filter_by(operator_id=operator_id)
    found = [one for one in connection.scalars(mine) if one[:_HANDLE_LENGTH] == handle]
    if not found:
        raise NotFoundError(f"expected the handle of a session, got {handle[:80]!r}")
    connection.execute(delete(sessions).where(sessions.c.token_sha256.in_(found)))


def listed(
    connection: Connection, operator_id: int, now: datetime, *, rules: SessionRules
) -> tuple[Session, ...]:
    """An operator's open sessions, the one that was used last first."""
    query = select(sessions).filter_by(operator_id=operator_id).where(_is_alive(now, rules))
    return tuple(map(_session, connection.execute(query.order_by(sessions.c.used_at.desc()))))


def handle_of(token: str) -> str:
    """Which of the sessions in the list this one is."""
    return secret_token.digest(token)[:_HANDLE_LENGTH]


def csrf_token(token: str) -> str:
    """What every form of a session carries: a page of another site cannot know it (B12)."""
    return hmac.new(token.encode(errors="surrogatepass"), _CSRF, hashlib.sha256).hexdigest()


def is_csrf_token(token: str, given: str) -> bool:
    """Whether a form is of this session."""
    return hmac.compare_digest(csrf_token(token).encode(), given.encode(errors="surrogatepass"))


def _is_open(token: str, now: datetime, rules: SessionRules) -> ColumnElement[bool]:
    return and_(sessions.c.token_sha256 == secret_token.digest(token), _is_alive(now, rules))


def _is_alive(now: datetime, rules: SessionRules) -> ColumnElement[bool]:
    idle = sessions.c.used_at > _seconds(now - rules.idle)
    return and_(sessions.c.expires_at > _seconds(now), idle)


def _session(row: Row[Any]) -> Session:
    handle = row.token_sha256[:_HANDLE_LENGTH]
    return Session(handle, _moment(row.created_at), _moment(row.used_at), _moment(row.expires_at))


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
