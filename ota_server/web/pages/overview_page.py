"""The overview: what wants attention first, then what moves, then how it was."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ota_client.manifest import Severity
from ota_server.operations import overview
from ota_server.operations.overview import Overview, Past
from ota_server.security.history import SeverityDay, VersionDay
from ota_server.web.pages import device_filters
from ota_server.web.pages.charts import Segment, StackedChart, bar, stacked
from ota_server.web.pages.page import Answer, Drawn, Page, Visit
from ota_server.web.pages.rollout_pages import ListedRollout
from ota_server.web.pages.wave_bars import whole_bar

_DAYS: Final = 60
_VERSIONS_SHOWN: Final = 8
NO_WEAKNESS: Final = "none known"


@dataclass(frozen=True, slots=True)
class Exposed:
    """How many devices run with a weakness so bad.

    Attributes:
        word: of the severity.
    """

    word: str
    css: str
    devices: int


@dataclass(frozen=True, slots=True)
class Exposures:
    """By severity, the worst first, as a bar too."""

    parts: tuple[Exposed, ...]
    segments: tuple[Segment, ...]
    problem: str


def show(visit: Visit) -> Answer:
    """The whole page."""
    found = overview.overview(visit.desk, product=visit.product, days=_DAYS)
    past = found.past or Past((), ())
    values = {
        **_live(visit, found),
        "chart": chart_of(past.versions, with_product=visit.product is None),
        "exposure_chart": _exposure_chart(past.exposure),
    }
    return Drawn("overview", values)


def part(visit: Visit) -> Answer:
    """What of it is live."""
    return Drawn(
        "parts/overview_live", _live(visit, overview.overview(visit.desk, product=visit.product))
    )


def _live(visit: Visit, found: Overview) -> dict[str, object]:
    rules = visit.house.settings.notifications
    listed = tuple(ListedRollout(one, whole_bar(one)) for one in found.rollouts)
    return {
        "overview": found,
        "rollouts": listed,
        "exposures": _exposures(found),
        "versions": found.versions[:_VERSIONS_SHOWN],
        "more_versions": max(0, len(found.versions) - _VERSIONS_SHOWN),
        "silent_after": device_filters.silent_value(rules.silent_after_s),
        "ends_within": rules.expiry_warning_days,
        "query": visit.query,
    }


def _exposure_chart(days: Sequence[SeverityDay]) -> StackedChart | None:
    history = {one.day_at: Counter[str]() for one in days}
    for one in days:
        history[one.day_at][_word(one.severity)] += one.devices
    severities = {_word(severity): _css(severity) for severity in (*reversed(Severity), None)}
    seen = [word for word in severities if any(counts[word] for counts in history.values())]
    return stacked(history, seen, severities)


def _word(severity: Severity | None) -> str:
    return severity.value if severity else NO_WEAKNESS


def _css(severity: Severity | None) -> str:
    return f"x-{severity.value}" if severity else "f-good"


def _exposures(found: Overview) -> Exposures:
    parts = tuple(
        Exposed(_word(share.severity), _css(share.severity), share.devices) for share in found.exposure
    )
    segments = bar([(part.css, part.devices) for part in parts], sum(part.devices for part in parts))
    return Exposures(parts, segments, found.problem)


def chart_of(days: Iterable[VersionDay], *, with_product: bool) -> StackedChart | None:
    """Versions over time; what most devices run now lies lowest, in the strongest colour."""
    known = [one for one in days if one.version is not None]
    history = {one.day_at: Counter[str]() for one in known}
    versions = {}
    for one in known:
        name = f"{one.product} {one.version}" if with_product else str(one.version)
        history[one.day_at][name] += one.devices
        versions[name] = one.version
    now = history[max(history)] if history else Counter[str]()
    names = sorted(versions, key=lambda name: (now[name], str(versions[name])), reverse=True)
    return stacked(history, names)


PAGES: Final = (
    Page("GET", "/", show, "The overview: fallbacks, rollouts, versions, exposure."),
    Page("GET", "/part", part, "What of it is live.", is_part=True),
)
