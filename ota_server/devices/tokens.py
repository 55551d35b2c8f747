"""Enrolment tokens: an operator's word that devices of these names may enrol (B04).

A token is 32 random bytes. The database keeps its sha256 alone, so whoever reads it enrols nothing; and
it is looked up by that digest, so no comparison of secrets takes a time that tells (CWE-208).
"""

import hashlib
import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from ota_client.formats.strict import NAME_LONGEST, NAME_RULE, canonical_json, is_name
from ota_server.database.schema import enrolment_tokens
from ota_server.database.scope import Products, within
from ota_server.errors import InvalidError, NotFoundError

USES_MOST: Final = 100_000
LIFETIME_MOST: Final = timedelta(days=366)
_RANDOM_BYTES = 32
_PATTERN = re.compile(rf"[a-z0-9._*?-]{{1,{NAME_LONGEST}}}", re.ASCII)
_TAGS_MOST = 20


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token; it is shown this once."""

    id: int
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; not the token.

    Attributes:
        device_ids: a pattern over device ids, ``*`` and ``?`` as in file names.
        tags: given to devices that it enrols.
        rekey: it gives the known device of this very id to another key.
    """

    id: int
    product: str
    device_ids: str
    tags: tuple[str, ...]
    uses_left: int
    rekey: bool
    created_at: datetime
    expires_at: datetime

    def covers(self, product: str, device_id: str) -> bool:
        """Whether it is for such a device."""
        return product == self.product and fnmatchcase(device_id, self.device_ids)


def issue(
    connection: Connection,
    *,
    product: str,
    device_ids: str = "*",
    uses: int = 1,
    lifetime: timedelta,
    tags: Sequence[str] = (),
    rekey: bool = False,
    now: datetime,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> IssuedToken:
    """Make a token; those that have expired are forgotten meanwhile.

    Args:
        connection: in a transaction that writes.
        product: whose devices it is for.
        device_ids: which ones: an id, or a pattern with ``*`` and ``?``.
        uses: how many devices it enrols.
        lifetime: at most 366 days.
        tags: for the devices that it enrols.
        rekey: give the known device of this id to another key, once: after a repair, say.
        now: UTC.
        random_bytes: of the operating system.

    Raises:
        InvalidError: one of them is not what it should be.
    """
    _check(product, device_ids, uses, lifetime, tags)
    if rekey and (not is_name(device_ids) or uses != 1):
        raise InvalidError("rekey: expected one device id without a pattern, and one use")
    token = urlsafe_b64encode(random_bytes(_RANDOM_BYTES)).rstrip(b"=").decode()
    expires_at = (now + lifetime).replace(microsecond=0)
    connection.execute(delete(enrolment_tokens).where(enrolment_tokens.c.expires_at <= _seconds(now)))
    row = {
        "token_sha256": _digest(token),
        "product": product,
        "device_ids": device_ids,
        "tags": canonical_json(sorted(set(tags))).decode(),
        "uses_left": uses,
        "rekey": rekey,
        "created_at": _seconds(now),
        "expires_at": _seconds(expires_at),
    }
    (token_id,) = connection.execute(insert(enrolment_tokens).values(row)).inserted_primary_key or (0,)
    return IssuedToken(token_id, token, expires_at)


def listed(connection: Connection, now: datetime, *, products: Products) -> tuple[Token, ...]:
    """The tokens of these products (B10) that have not expired, oldest first."""
    valid = select(enrolment_tokens).where(enrolment_tokens.c.expires_at > _seconds(now))
    valid = valid.where(within(enrolment_tokens.c.product, products))
    return tuple(map(_token, connection.execute(valid.order_by(enrolment_tokens.c.id))))


def with_id(connection: Connection, token_id: int, now: datetime, *, products: Products) -> Token:
    """What is known of one token.

    Raises:
        NotFoundError: there is none of that id, or none of these products (B10).
    """
    seen = within(enrolment_tokens.c.product, products)
    valid = enrolment_tokens.c.expires_at > _seconds(now)
    row = connection.execute(select(enrolment_tokens).filter_by(id=token_id).where(seen, valid)).first()
    if row is None:
        raise NotFoundError(f"expected the id of a token that has not expired, got {token_id}")
    return _token(row)


def withdraw(connection: Connection, token_id: int) -> None:
    """Make a token void; devices that it enrolled stay."""
    connection.execute(delete(enrolment_tokens).filter_by(id=token_id))


def withdraw_for(connection: Connection, device_id: str, product: str | None = None) -> int:
    """Make those void that are for this device id alone, of its product or of all; returns how many."""
    mine = {"device_ids": device_id} | ({"product": product} if product is not None else {})
    return connection.execute(delete(enrolment_tokens).filter_by(**mine)).rowcount


def find(connection: Connection, token: str, now: datetime) -> Token | None:
    """The token that this text is, also when it is used up; None if it is none or has expired."""
    valid = (
        select(enrolment_tokens)
        .filter_by(token_sha256=_digest(token))
        .where(enrolment_tokens.c.expires_at > _seconds(now))
    )
    row = connection.execute(valid).first()
    return _token(row) if row else None


def use(connection: Connection, token: Token) -> bool:
    """Take one use, atomically; False if there is none left."""
    left = enrolment_tokens.c.uses_left
    taken = update(enrolment_tokens).filter_by(id=token.id).where(left > 0).values(uses_left=left - 1)
    return connection.execute(taken).rowcount == 1


def _check(product: str, device_ids: str, uses: int, lifetime: timedelta, tags: Sequence[str]) -> None:
    if not is_name(product):
        raise InvalidError(f"product: expected a name of {NAME_RULE}, got {product[:80]!r}")
    if not _PATTERN.fullmatch(device_ids):
        raise InvalidError(
            f"device ids: expected an id, or a pattern of letters, digits, '-', '_', '.', '*' and '?' "
            f"such as cam-*, at most {NAME_LONGEST} characters, got {device_ids[:80]!r}"
        )
    if not 1 <= uses <= USES_MOST:
        raise InvalidError(f"uses: expected 1 to {USES_MOST}, got {uses}")
    if not timedelta(0) < lifetime <= LIFETIME_MOST:
        raise InvalidError(
            f"lifetime: expected more than none and at most {LIFETIME_MOST.days} days, got "
            f"{lifetime / timedelta(days=1):g} days"
        )
    if len(tags) > _TAGS_MOST or not all(map(is_name, tags)):
        raise InvalidError(f"tags: expected at most {_TAGS_MOST} names of {NAME_RULE}")


def _token(row: Row[Any]) -> Token:
    return Token(
        row.id,
        row.product,
        row.device_ids,
        tuple(json.loads(row.tags)),
        row.uses_left,
        row.rekey,
        datetime.fromtimestamp(row.created_at, UTC),
        datetime.fromtimestamp(row.expires_at, UTC),
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
