"""OSV and CSAF files of others: read, kept, and matched with what runs. Nothing is fetched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self

from sqlalchemy import Connection

from ota_server.errors import InvalidError
from ota_server.journal.event import Event, EventKind, record
from ota_server.security import csaf, osv, stored
from ota_server.security.exposure import running
from ota_server.security.foreign import Foreign
from ota_server.security.knowledge import Knowledge, version_of
from ota_server.security.matching import hold_matching, match_again, matched
from ota_server.security.weakness import Source, Weakness

if TYPE_CHECKING:
    from ota_server.catalog import Catalog

DOCUMENT_MOST_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """One file to import, as it was understood: no transaction waits for that.

    Attributes:
        name: for errors.
    """

    name: str
    weaknesses: tuple[Weakness, ...]

    @classmethod
    def read(cls, name: str, data: bytes) -> Self:
        """Understand a file.

        Raises:
            InvalidError: as ``parse``; the sentence begins with the name.
        """
        try:
            return cls(name, parse(data))
        except InvalidError as e:
            raise InvalidError(f"{name}: {e}") from e


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        weaknesses: that were taken.
        kept: ids of those of which something newer is there already.
        matches: by id, how many releases have the weakness.
        notices: what could not be read, by file.
    """

    weaknesses: tuple[Weakness, ...]
    kept: tuple[str, ...]
    matches: dict[str, int]
    notices: tuple[str, ...]


def import_all(
    connection: Connection, catalog: "Catalog", files: Sequence[Document], *, now: datetime, force: bool
) -> Imported:
    """Take files in, all or none.

    Args:
        connection: of a transaction that writes.
        catalog: says which releases have a fix already.
        files: OSV records or CSAF documents.
        now: UTC.
        force: replace what is newer.
    """
    found = [(file.name, weakness) for file in files for weakness in file.weaknesses]
    hold_matching(connection)
    taken, kept = [], []
    for _, weakness in found:
        there = stored.modified_at(connection, weakness)
        if there is not None and there > weakness.modified_at and not force:
            kept.append(weakness.id)
            continue
        stored.put(connection, weakness, now=now)
        taken.append(weakness)
    ids = tuple(dict.fromkeys(weakness.id for weakness in taken))
    before = {weakness_id: matched(connection, weakness_id) for weakness_id in ids}
    match_again(connection, ids)
    after = {weakness_id: matched(connection, weakness_id) for weakness_id in ids}
    _tell(connection, catalog, {i: after[i] - before[i] for i in ids}, now)
    notices = (f"{name}: {notice}" for name, weakness in found for notice in weakness.notices)
    return Imported(
        weaknesses=tuple(taken),
        kept=tuple(dict.fromkeys(kept)),
        matches={weakness_id: len(releases) for weakness_id, releases in after.items()},
        notices=tuple(dict.fromkeys(notices)),
    )


def parse(data: bytes) -> tuple[Weakness, ...]:
    """Read an OSV record or a CSAF document.

    Raises:
        InvalidError: it is none of both, or a field is not what the format says, or too large.
    """
    fields = Foreign.parse(data, most_bytes=DOCUMENT_MOST_BYTES, what="advisory", error=InvalidError)
    if fields.table("document").has("csaf_version"):
        return csaf.read(fields)
    if fields.has("id") and fields.has("modified"):
        return osv.read(fields)
    raise InvalidError(
        "advisory: expected an OSV record (with id and modified) or a CSAF 2 document, got other JSON"
    )


def _tell(
    connection: Connection,
    catalog: "Catalog",
    new: Mapping[str, frozenset[tuple[str, str]]],
    now: datetime,
) -> None:
    """One event for each weakness and product that has it in a release that was not known to."""
    if not any(new.values()):
        return
    knowledge = Knowledge.of(connection, catalog, products=None)
    counts = {(product, str(version)): n for product, version, n in running(connection, None)}
    for weakness_id, releases in new.items():
        by_product: dict[str, list[str]] = {}
        for product, version in sorted(releases):
            standing = knowledge.standing(product, version_of(version), weakness_id)
            if standing.is_exposed:
                by_product.setdefault(product, []).append(version)
        for product, versions in by_product.items():
            weakness = knowledge.weaknesses[weakness_id]
            matches = [_match(product, version, counts) for version in versions]
            document = {
                "id": weakness_id,
                "source": ", ".join(s for s in weakness.sources if s is not Source.SIGNED),
                "summary": weakness.summary,
                "devices": sum(counts.get((product, version), 0) for version in versions),
                "matches": matches,
            }
            severity = "" if weakness.severity is None else weakness.severity.value
            event = Event(EventKind.ADVISORY_IMPORTED, document, product=product, severity=severity)
            record(connection, event, now=now)


def _match(product: str, version: str, counts: Mapping[tuple[str, str], int]) -> dict[str, object]:
    return {"product": product, "version": version, "devices": counts.get((product, version), 0)}
