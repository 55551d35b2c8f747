"""How many devices ran what on each day, and so how exposed the fleet was (ADR 0025)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, select

from ota_server.database.scope import Products, within
from ota_server.database.security_schema import version_history
from ota_server.security.exposure import find, running, standing_of, worst_of
from ota_server.security.knowledge import Knowledge, Standing, version_of
from ota_server.security.severity import rank

if TYPE_CHECKING:
    from ota_client.formats.version import Version
    from ota_client.manifest import Severity
    from ota_server.catalog import Catalog
    from ota_server.security.knowledge import KnownWeakness

_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class ExposedDay:
    """The fleet at the end of a day, judged by what is known today.

    Attributes:
        day_at: its first second, UTC; today's is as it is now.
        devices: how many had the weakness.
        unknown: how many ran what nobody can tell of.
        of: how many devices there were that one can tell of, and those.
    """

    day_at: datetime
    devices: int
    unknown: int
    of: int


@dataclass(frozen=True, slots=True)
class VersionDay:
    """How many devices ran a version at the end of a day; None is what was never heard of."""

    day_at: datetime
    product: str
    version: "Version | None"
    devices: int


@dataclass(frozen=True, slots=True)
class SeverityDay:
    """How many devices ran, at the end of a day, what has so bad a weakness by what is known today.

    Attributes:
        day_at: its first second, UTC; today's is as it is now.
        severity: of the worst one; None where none is known.
    """

    day_at: datetime
    severity: "Severity | None"
    devices: int


def first_second(now: datetime) -> int:
    """Of the day, UTC, in seconds since 1970."""
    return int(now.timestamp()) // _DAY_S * _DAY_S


def exposed_over_time(
    connection: Connection,
    catalog: "Catalog",
    weakness_id: str,
    *,
    products: Products,
    now: datetime,
    days: int = 90,
) -> tuple[ExposedDay, ...]:
    """How many devices had a weakness on each of the last days, oldest first.

    A day that nobody wrote down is as the one before: a server that does not run hears of no change.

    Raises:
        NotFoundError, VerificationError, PublishedFolderError: as ``exposure.exposed``.
    """
    knowledge = Knowledge.of(connection, catalog, products=products, only=weakness_id)
    weakness = find(knowledge, weakness_id)
    found: dict[datetime, list[int]] = {}
    for row in versions_over_time(connection, products=products, now=now, days=days):
        counts = found.setdefault(row.day_at, [0, 0, 0])
        _count(knowledge, weakness, row, counts)
    return tuple(ExposedDay(day, *counts) for day, counts in sorted(found.items()))


def _count(knowledge: Knowledge, weakness: "KnownWeakness", row: VersionDay, counts: list[int]) -> None:
    # a product that is no more has no releases left to judge it by
    if row.product not in knowledge.products:
        return
    standing = standing_of(knowledge, weakness, row.product, row.version)
    if standing is None:
        return
    counts[2] += row.devices
    if standing is Standing.UNKNOWN:
        counts[1] += row.devices
    elif standing.is_exposed:
        counts[0] += row.devices


def severity_over_time(knowledge: Knowledge, days: Iterable[VersionDay]) -> tuple[SeverityDay, ...]:
    """How bad what devices ran was on each day: oldest first, then the worst first."""
    judged = cache(partial(worst_of, knowledge))
    found: dict[datetime, Counter[Severity | None]] = {}
    for row in days:
        # as above: nobody can tell any more
        if row.product in knowledge.products:
            severity = judged(row.product, row.version)
            found.setdefault(row.day_at, Counter())[severity] += row.devices
    return tuple(
        SeverityDay(day, severity, counts[severity])
        for day, counts in sorted(found.items())
        for severity in sorted(counts, key=rank, reverse=True)
    )


def versions_over_time(
    connection: Connection, *, products: Products, now: datetime, days: int = 90
) -> Iterator[VersionDay]:
    """What ran on each of the last days, oldest first, and now; see ``exposed_over_time``."""
    today = first_second(now)
    column = version_history.c
    query = select(version_history).where(
        within(column.product, products), column.day_at >= today - days * _DAY_S, column.day_at < today
    )
    written: dict[int, list[tuple[str, Version | None, int]]] = {}
    for row in connection.execute(query.order_by(column.day_at, column.product, column.version)):
        written.setdefault(row.day_at, []).append((row.product, version_of(row.version), row.devices))
    written[today] = running(connection, products)
    before: list[tuple[str, Version | None, int]] = []
    for day in range(min(written), today + _DAY_S, _DAY_S):
        before = written.get(day, before)
        moment = datetime.fromtimestamp(day, UTC)
        yield from (VersionDay(moment, *one) for one in before)
