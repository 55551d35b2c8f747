"""The audit log as a whole: is its chain unbroken, and how is it kept elsewhere."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from sqlalchemy import Connection, Row, select

from ota_client.formats.strict import canonical_json
from ota_server.database.operators_schema import audit_entries
from ota_server.errors import AuditError
from ota_server.journal.audit import GENESIS, digest

_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Verified:
    """A log whose chain holds.

    Attributes:
        entries: how many there are.
        sha256: of the last one: whoever keeps it elsewhere notices when all is made anew.
        kept: how many entries of an earlier export were found in it.
    """

    entries: int
    sha256: str
    kept: int


def verify(connection: Connection, kept: Iterable[Mapping[str, object]] = ()) -> Verified:
    """Go through the whole log.

    Args:
        connection: to read from.
        kept: the entries of an earlier export, oldest first.

    Raises:
        AuditError: an entry was changed or taken out, or the log is not the one of the export.
    """
    rest, found = iter(kept), 0
    expected = next(rest, None)
    number, before = 0, GENESIS
    for number, row in enumerate(_rows(connection, after=0), 1):
        entry = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
        _check(entry, number, before)
        before = row.sha256
        if expected is not None and expected.get("id") == number:
            if dict(expected) != entry:
                _fail(number, "is not the one of the export: the log was written anew from there on")
            expected, found = next(rest, None), found + 1
    if expected is not None:
        _fail(expected.get("id"), "of the export is not in the log: the last entries were taken out")
    return Verified(number, before, found)


def lines(connection: Connection, *, after: int = 0) -> Iterator[bytes]:
    """Each entry as a line of canonical JSON, oldest first, behind the one of an id."""
    for row in _rows(connection, after=after):
        yield canonical_json(dict(row._mapping)) + b"\n"  # noqa: SLF001 - as above


def _rows(connection: Connection, *, after: int) -> Iterator[Row[Any]]:
    """In batches: the log may be larger than memory."""
    while True:
        wanted = select(audit_entries).where(audit_entries.c.id > after)
        rows = connection.execute(wanted.order_by(audit_entries.c.id).limit(_BATCH)).all()
        yield from rows
        if len(rows) < _BATCH:
            return
        after = rows[-1].id


def _check(entry: Mapping[str, object], number: int, before: str) -> None:
    if entry["id"] != number:
        _fail(number, "is missing: it was taken out")
    if entry["previous_sha256"] != before:
        _fail(number, "does not follow on the one before: one of them was changed or taken out")
    if entry["sha256"] != digest(entry):
        _fail(number, "was changed: its sha256 is not the one that was written with it")


def _fail(number: object, what: str) -> NoReturn:
    raise AuditError(f"audit log: entry {number} {what}; compare with an export that was kept elsewhere")
