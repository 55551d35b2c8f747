"""API tokens: programs that act for an operator, or for the server's own machine.

An operator's token may never do more than its owner may at that moment, and ends with the owner.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ota_client.formats.strict import format_time
from ota_server.database.drop import drop_free
from ota_server.database.operators_schema import api_token_grants, api_tokens, operators
from ota_server.errors import ConflictError, InvalidError, NotFoundError, UnauthenticatedError
from ota_server.operators import account, secret_token
from ota_server.operators.account import Status
from ota_server.operators.actor import Actor, ActorKind
from ota_server.operators.grants import check_grants
from ota_server.operators.role import Grant, Grants, Role, within
from ota_server.operators.secret_token import Prefix
from ota_server.page import Page, check_limit

LIFETIME_MOST: Final = timedelta(days=366)
LIFETIME_DEFAULT: Final = timedelta(days=90)
# what is written of a token's use is at most so stale
_NOTED_EVERY_S: Final = 60


@dataclass(frozen=True, slots=True)
class IssuedApiToken:
    """A new token; it is shown this once."""

    id: int
    name: str
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of a token; not the token.

    Attributes:
        owner: the operator's name; None for one that a command made.
        grants: what it may at most; its owner may do less.
        used_at: at most a minute stale; None if it never was.
    """

    id: int
    name: str
    owner: str | None
    owner_id: int | None
    grants: Grants
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def to_fields(self) -> dict[str, object]:
        """The token as JSON fields (docs/reference/ota-server.md)."""
        return {
            "id": self.id,
            "name": self.name,
            "owner": self.owner,
            "grants": {product: role.value for product, role in sorted(self.grants.items())},
            "created_at": format_time(self.created_at),
            "expires_at": format_time(self.expires_at),
            "used_at": None if self.used_at is None else format_time(self.used_at),
        }


def issue(
    connection: Connection,
    *,
    name: str,
    grants: Iterable[Grant],
    operator_id: int | None,
    lifetime: timedelta = LIFETIME_DEFAULT,
    now: datetime,
) -> IssuedApiToken:
    """Make a token; those that have expired are forgotten meanwhile.

    Args:
        connection: in a transaction that writes.
        name: stands in the audit log.
        grants: what it may at most.
        operator_id: whose it is; None for the machine's.
        lifetime: at most 366 days.
        now: UTC.

    Raises:
        InvalidError: one of them is not what it should be.
        ConflictError: there is a token of this name.
    """
    given = list(grants)
    _check(name, given, lifetime)
    drop_free(connection, api_tokens.c.id, api_tokens.c.expires_at <= _seconds(now))
    token = secret_token.make(Prefix.API_TOKEN)
    expires_at = (now + lifetime).replace(microsecond=0)
    row = {
        "name": name,
        "token_sha256": secret_token.digest(token),
        "operator_id": operator_id,
        "created_at": _seconds(now),
        "expires_at": _seconds(expires_at),
    }
    try:
        with connection.begin_nested():
            made = connection.execute(insert(api_tokens).values(row).returning(api_tokens.c.id))
            token_id = int(made.scalar_one())
    except IntegrityError as e:
        raise ConflictError(f"there is an API token {name!r} already; choose another name") from e
    rows = [{"token_id": token_id, "product": g.product, "role": g.role.value} for g in given]
    connection.execute(insert(api_token_grants), rows)
    return IssuedApiToken(token_id, name, token, expires_at)


def find(connection: Connection, token: str, now: datetime) -> Actor:
    """Who asks with this token; it reads only.

    Raises:
        UnauthenticatedError: it is none, was withdrawn or expired, or its owner is disabled.
    """
    row = connection.execute(_rows().where(_is_valid(token, now))).first()
    if row is None:
        raise UnauthenticatedError("expected an API token that has not expired, got another text")
    grants: Grants = _grants(connection, [row.id])[row.id]
    if row.operator_id is not None:
        grants = _owned(connection, row.operator_id, grants)
    return Actor(ActorKind.TOKEN, row.name, grants, row.operator_id)


def use_is_due(connection: Connection, token: str, now: datetime) -> bool:
    """Whether ``note_use`` would write."""
    query = select(api_tokens.c.id).where(_is_valid(token, now), _is_due(now))
    return connection.execute(query).first() is not None


def note_use(connection: Connection, token: str, now: datetime) -> None:
    """Keep when a token was used last; it writes at most once a minute."""
    wanted = update(api_tokens).where(_is_valid(token, now), _is_due(now))
    connection.execute(wanted.values(used_at=_seconds(now)))


def listed(
    connection: Connection,
    now: datetime,
    *,
    operator_id: int | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page[ApiToken]:
    """A page of the tokens that have not expired, in the order of their names.

    Args:
        connection: for reading.
        now: UTC.
        operator_id: of this operator; None for all.
        after: ``next_after`` of the page before.
        limit: most tokens on the page.

    Raises:
        InvalidError: the limit cannot be one.
    """
    check_limit(limit)
    wanted = [api_tokens.c.expires_at > _seconds(now)]
    if operator_id is not None:
        wanted.append(api_tokens.c.operator_id == operator_id)
    total = connection.scalar(select(func.count()).select_from(api_tokens).where(*wanted)) or 0
    query = _rows().where(*wanted).order_by(api_tokens.c.name).limit(limit + 1)
    if after is not None:
        query = query.where(api_tokens.c.name > after)
    rows = connection.execute(query).all()
    found = _tokens(connection, rows[:limit])
    return Page(found, total, found[-1].name if len(rows) > limit else None)


def with_id(connection: Connection, token_id: int) -> ApiToken:
    """Look one up.

    Raises:
        NotFoundError: there is none of that number.
    """
    row = connection.execute(_rows().where(api_tokens.c.id == token_id)).first()
    if row is None:
        raise NotFoundError(f"expected the id of an API token, got {token_id}")
    return _tokens(connection, [row])[0]


def withdraw(connection: Connection, token_id: int) -> None:
    """Make a token void.

    Raises:
        NotFoundError: there is none of that number.
    """
    if not connection.execute(delete(api_tokens).filter_by(id=token_id)).rowcount:
        raise NotFoundError(f"expected the id of an API token, got {token_id}")


def _check(name: str, grants: list[Grant], lifetime: timedelta) -> None:
    account.check_name(name)
    if not grants:
        raise InvalidError("grants: expected at least one role, such as operator:PRODUCT, got none")
    check_grants(grants)
    if not timedelta(0) < lifetime <= LIFETIME_MOST:
        raise InvalidError(
            f"lifetime: expected more than none and at most {LIFETIME_MOST.days} days, got "
            f"{lifetime / timedelta(days=1):g} days"
        )


def _owned(connection: Connection, operator_id: int, grants: Grants) -> Grants:
    owner = account.with_id(connection, operator_id)
    if owner.status is not Status.ACTIVE:
        raise UnauthenticatedError(f"the API token's owner is {owner.status}: it is refused")
    return within(grants, owner.grants)


def _rows() -> Any:  # noqa: ANN401 - SQLAlchemy's own type names every column
    columns = (api_tokens, operators.c.name.label("owner"))
    return select(*columns).outerjoin(operators, operators.c.id == api_tokens.c.operator_id)


def _is_valid(token: str, now: datetime) -> ColumnElement[bool]:
    mine = api_tokens.c.token_sha256 == secret_token.digest(token)
    return mine & (api_tokens.c.expires_at > _seconds(now))


def _is_due(now: datetime) -> ColumnElement[bool]:
    used = api_tokens.c.used_at
    return or_(used.is_(None), used <= _seconds(now) - _NOTED_EVERY_S)


def _grants(connection: Connection, token_ids: list[int]) -> dict[int, dict[str, Role]]:
    found: dict[int, dict[str, Role]] = {token_id: {} for token_id in token_ids}
    wanted = api_token_grants.c.token_id.in_(token_ids)
    for row in connection.execute(select(api_token_grants).where(wanted)):
        found[row.token_id][row.product] = Role(row.role)
    return found


def _tokens(connection: Connection, rows: Iterable[Row[Any]]) -> tuple[ApiToken, ...]:
    found = list(rows)
    grants = _grants(connection, [row.id for row in found])
    return tuple(_token(row, grants[row.id]) for row in found)


def _token(row: Row[Any], grants: Mapping[str, Role]) -> ApiToken:
    return ApiToken(
        id=row.id,
        name=row.name,
        owner=row.owner,
        owner_id=row.operator_id,
        grants=grants,
        created_at=_moment(row.created_at),
        expires_at=_moment(row.expires_at),
        used_at=None if row.used_at is None else _moment(row.used_at),
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
