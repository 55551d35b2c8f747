"""The same request twice is done once: the second gets the first one's answer (``Idempotency-Key``).

The key is written in the transaction of the change, so both hold or neither. An answer may hold a secret
that is shown once; it is kept sealed by the API token that asked, which the database does not have.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Insert, delete, insert, select, tuple_, update

from ota_server.database.operators_schema import idempotency_keys
from ota_server.errors import InvalidError
from ota_server.web.api.authentication import Credential
from ota_server.web.shapes import FieldError

KEPT_FOR: Final = timedelta(hours=24)
_HEADER: Final = b"idempotency-key"
_KEY: Final = re.compile("[!-~]{1,64}")
# so many old ones are forgotten by each request that brings a new one
_FORGOTTEN_MOST: Final = 10
_TABLE = idempotency_keys


class KeyReusedError(InvalidError):
    """The idempotency key came before, with another request."""

    code = "idempotency-key"


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer that was given."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is to be done once.

    Attributes:
        key: the client's name for it.
        request_sha256: what is asked.
    """

    credential: Credential
    key: str
    request_sha256: str

    def begin(self, connection: Connection, now: datetime) -> Stored | None:
        """Take the key, or say what was answered to it; waits while another does the same.

        Raises:
            KeyReusedError: it stands for another request.
        """
        _forget_old(connection, now)
        if self._take(connection, now):
            return None
        mine = select(_TABLE).filter_by(actor=self.credential.sha256, key=self.key)
        row = connection.execute(mine).one()
        if row.request_sha256 != self.request_sha256:
            raise KeyReusedError(
                "Idempotency-Key: expected a new key for a new request, got one that stands for another"
            )
        return Stored(row.status, self._opened(row.body))

    def finish(self, connection: Connection, status: int, body: bytes) -> None:
        """Remember the answer."""
        mine = update(_TABLE).filter_by(actor=self.credential.sha256, key=self.key)
        connection.execute(mine.values(status=status, body=self._sealed(body)))

    def _take(self, connection: Connection, now: datetime) -> bool:
        row = {
            "actor": self.credential.sha256,
            "key": self.key,
            "request_sha256": self.request_sha256,
            "status": 0,
            "body": "",
            "at": int(now.timestamp()),
        }
        taken = _insert_new(connection).values(row).returning(_TABLE.c.key)
        return connection.execute(taken).first() is not None

    def _sealed(self, body: bytes) -> str:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - it takes a tenth of a second to load

        return Fernet(self._seal()).encrypt(body).decode()

    def _opened(self, text: str) -> bytes:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - as above

        return Fernet(self._seal()).decrypt(text)

    def _seal(self) -> bytes:
        # a token is 256 random bits: one hash makes a key of it; the database has another hash of it
        digest = hashlib.sha256(b"ratchet idempotency key\0" + self.credential.token.encode())
        return urlsafe_b64encode(digest.digest())


def once(credential: Credential, headers: Iterable[tuple[bytes, bytes]], *request: bytes) -> Once | None:
    """What a request's header says of it; None if it says nothing.

    Args:
        credential: of who asks.
        headers: of the request.
        request: all that makes it another one: method, path, query, body.

    Raises:
        FieldError: the key cannot be one.
    """
    shown = [value.decode("latin-1") for name, value in headers if name == _HEADER]
    if not shown:
        return None
    key = shown[0]
    if len(shown) > 1 or not _KEY.fullmatch(key):
        raise FieldError("Idempotency-Key", "Expected one text of 1 to 64 characters without space.")
    whole = hashlib.sha256()
    for part in request:
        whole.update(len(part).to_bytes(8, "big") + part)
    return Once(credential, key, whole.hexdigest())


def _insert_new(connection: Connection) -> Insert:
    """An insertion that does nothing where the key is there; it waits for one that is under way."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as upsert  # noqa: PLC0415 - for it alone

        return upsert(_TABLE).on_conflict_do_nothing()
    return insert(_TABLE).prefix_with("OR IGNORE")


def _forget_old(connection: Connection, now: datetime) -> None:
    key = (_TABLE.c.actor, _TABLE.c.key)
    old = select(*key).where(_TABLE.c.at <= int((now - KEPT_FOR).timestamp())).limit(_FORGOTTEN_MOST)
    # two that forget at a time must not wait for each other in a circle
    found = connection.execute(old.with_for_update(skip_locked=True)).all()
    if found:
        gone = tuple_(*key).in_([tuple(row) for row in found])
        connection.execute(delete(_TABLE).where(gone))
