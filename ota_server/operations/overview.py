"""The fleet at a glance: from counters alone, so that it costs the same for any fleet."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ota_client.errors import OtaError
from ota_client.formats.version import Version
from ota_client.manifest import Severity
from ota_server.devices import fleet_figures, version_counts
from ota_server.operations.desk import Desk
from ota_server.rollouts import fallbacks, rollout_view
from ota_server.rollouts.fallbacks import Fallback
from ota_server.rollouts.rollout_view import Rollout
from ota_server.rollouts.states import OPEN_ROLLOUTS
from ota_server.security import history
from ota_server.security.exposure import worst_of
from ota_server.security.history import SeverityDay, VersionDay
from ota_server.security.knowledge import Knowledge, version_of
from ota_server.security.severity import rank

_ROLLOUTS_MOST: Final = 50
_FALLBACKS_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class RunningShare:
    """How many devices run a version; None before their first check-in."""

    product: str
    version: Version | None
    devices: int


@dataclass(frozen=True, slots=True)
class SeverityShare:
    """How many devices run a version whose worst known weakness is so bad; None is none known."""

    severity: Severity | None
    devices: int


@dataclass(frozen=True, slots=True)
class Past:
    """The last days, oldest first, and now.

    Attributes:
        exposure: by what is known today; empty where that is not known.
    """

    versions: tuple[VersionDay, ...]
    exposure: tuple[SeverityDay, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The fleet, or one product of it.

    Attributes:
        devices: how many there are.
        versions: what they run, the most frequent first.
        rollouts: those that are not over, the newest first.
        fell_back: devices that fell back lately, the newest first; 20 at most.
        exposure: by the severity of what they run with, the worst first.
        problem: why the exposure is not known: what is published cannot be read or believed.
        silent: how many devices had not come for long when a server looked last; None before.
        expiring: how many devices' certificates ended soon then; None before.
        past: how it was on the days before; None if it was not asked for.
    """

    devices: int
    versions: tuple[RunningShare, ...]
    rollouts: tuple[Rollout, ...]
    fell_back: tuple[Fallback, ...]
    exposure: tuple[SeverityShare, ...]
    problem: str
    silent: int | None
    expiring: int | None
    past: Past | None = None


def overview(desk: Desk, *, product: str | None = None, days: int | None = None) -> Overview:
    """The fleet as the actor sees it.

    Args:
        desk: who asks.
        product: of this one alone.
        days: with so many of the past.

    Raises:
        NotFoundError: the actor does not see the product.
    """
    products = desk.scope(product)
    counted = version_counts.counted(desk.connection, products=products)
    shares = [RunningShare(name, version_of(text), number) for (name, text), number in counted.items()]
    rollouts = rollout_view.listed(
        desk.connection, products=products, states=OPEN_ROLLOUTS, limit=_ROLLOUTS_MOST
    )
    fell_back = fallbacks.newest(desk.connection, products=products, now=desk.now, limit=_FALLBACKS_MOST)
    figures = fleet_figures.read(desk.connection, products=products)
    ran = versions_over_time(desk, product=product, days=days) if days else ()
    exposed: tuple[SeverityShare, ...] = ()
    was_exposed: tuple[SeverityDay, ...] = ()
    problem = ""
    try:
        knowledge = Knowledge.of(desk.connection, desk.catalog, products=products)
    except OtaError as e:
        problem = str(e)
    else:
        exposed = _severities(knowledge, shares)
        was_exposed = history.severity_over_time(knowledge, ran)
    return Overview(
        devices=sum(counted.values()),
        versions=tuple(sorted(shares, key=lambda share: -share.devices)),
        rollouts=rollouts.items,
        fell_back=fell_back,
        exposure=exposed,
        problem=problem,
        silent=figures.silent if figures else None,
        expiring=figures.expiring if figures else None,
        past=Past(ran, was_exposed) if days else None,
    )


def versions_over_time(
    desk: Desk, *, product: str | None = None, days: int = 90
) -> tuple[VersionDay, ...]:
    """What ran on each of the last days, oldest first, and now.

    Args:
        desk: who asks.
        product: of this one alone.
        days: so many.

    Raises:
        NotFoundError: the actor does not see the product.
    """
    products = desk.scope(product)
    return tuple(history.versions_over_time(desk.connection, products=products, now=desk.now, days=days))


def exposure_over_time(
    desk: Desk, *, product: str | None = None, days: int = 90
) -> tuple[SeverityDay, ...]:
    """How bad what devices ran was on each of the last days, by what is known today; oldest first.

    Args:
        desk: who asks.
        product: of this one alone.
        days: so many.

    Raises:
        NotFoundError: the actor does not see the product.
        VerificationError, PublishedFolderError: what is published cannot be believed or read.
    """
    products = desk.scope(product)
    knowledge = Knowledge.of(desk.connection, desk.catalog, products=products)
    ran = history.versions_over_time(desk.connection, products=products, now=desk.now, days=days)
    return history.severity_over_time(knowledge, ran)


def _severities(knowledge: Knowledge, shares: Iterable[RunningShare]) -> tuple[SeverityShare, ...]:
    counts = Counter[Severity | None]()
    for share in shares:
        if share.devices:
            counts[worst_of(knowledge, share.product, share.version)] += share.devices
    worst_first = sorted(counts, key=rank, reverse=True)
    return tuple(SeverityShare(severity, counts[severity]) for severity in worst_first)
