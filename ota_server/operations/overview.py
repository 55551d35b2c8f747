"""The fleet at a glance: from counters alone, so that it costs the same for any fleet."""

from dataclasses import dataclass
from typing import Final

from ota_client.errors import OtaError
from ota_client.formats.version import Version
from ota_client.manifest import Severity
from ota_server.database.scope import Products
from ota_server.devices import fleet_figures, version_counts
from ota_server.devices.query_fields import parsed_version
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role
from ota_server.rollouts import fallbacks, rollout_view
from ota_server.rollouts.fallbacks import Fallback
from ota_server.rollouts.rollout_view import Rollout
from ota_server.rollouts.states import OPEN_ROLLOUTS
from ota_server.security import exposure, history
from ota_server.security.history import SeverityDay, VersionDay
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
    """

    devices: int
    versions: tuple[RunningShare, ...]
    rollouts: tuple[Rollout, ...]
    fell_back: tuple[Fallback, ...]
    exposure: tuple[SeverityShare, ...]
    problem: str
    silent: int | None
    expiring: int | None


def overview(desk: Desk, *, product: str | None = None) -> Overview:
    """The fleet as the actor sees it.

    Args:
        desk: who asks.
        product: of this one alone.

    Raises:
        NotFoundError: the actor does not see the product.
    """
    products = _scope(desk, product)
    counted = version_counts.counted(desk.connection, products=products)
    shares = [RunningShare(name, _version(text), number) for (name, text), number in counted.items()]
    rollouts = rollout_view.listed(
        desk.connection, products=products, states=OPEN_ROLLOUTS, limit=_ROLLOUTS_MOST
    )
    fell_back = fallbacks.newest(desk.connection, products=products, now=desk.now, limit=_FALLBACKS_MOST)
    figures = fleet_figures.read(desk.connection, products=products)
    exposed, problem = _exposure(desk, products)
    return Overview(
        devices=sum(counted.values()),
        versions=tuple(sorted(shares, key=lambda share: -share.devices)),
        rollouts=rollouts.items,
        fell_back=fell_back,
        exposure=exposed,
        problem=problem,
        silent=figures.silent if figures else None,
        expiring=figures.expiring if figures else None,
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
    products = _scope(desk, product)
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
    products = _scope(desk, product)
    return history.severity_over_time(
        desk.connection, desk.catalog, products=products, now=desk.now, days=days
    )


def _scope(desk: Desk, product: str | None) -> Products:
    if product is None:
        return desk.products
    desk.need(Role.VIEWER, product)
    return frozenset({product})


def _exposure(desk: Desk, products: Products) -> tuple[tuple[SeverityShare, ...], str]:
    try:
        running = exposure.by_version(desk.connection, desk.catalog, products=products)
    except OtaError as e:
        return (), str(e)
    counts: dict[Severity | None, int] = {}
    for one in running:
        counts[one.severity] = counts.get(one.severity, 0) + one.devices
    worst_first = sorted(counts.items(), key=lambda item: -rank(item[0]))
    return tuple(SeverityShare(severity, number) for severity, number in worst_first), ""


def _version(text: str) -> Version | None:
    return parsed_version(text) if text else None
