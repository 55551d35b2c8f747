"""A new rollout: the form, who would be in it, then the rollout."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ota_client.errors import OtaError
from ota_server.errors import InvalidError, NotFoundError
from ota_server.operations import groups, products, releases, rollouts
from ota_server.operations.releases import ListedRelease
from ota_server.rollouts.eligibility import Standing
from ota_server.rollouts.plan import RolloutPlan
from ota_server.rollouts.preview import Preview
from ota_server.rollouts.states import RolloutState
from ota_server.web.pages.page import Answer, Drawn, Fields, Page, Visit, done
from ota_server.web.pages.rollout_fields import given, plan_of

_SAMPLE: Final = 8


@dataclass(frozen=True, slots=True)
class Left:
    """Devices that are left out, or wait, for one reason."""

    reason: str
    devices: int
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PreviewedWave:
    """A wave as it would be.

    Attributes:
        runs_it: how many of them run the release already.
    """

    number: int
    takes: str
    devices: int
    runs_it: int
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Previewed:
    """What the page shows of a preview."""

    members: int
    waves: tuple[PreviewedWave, ...]
    excluded: tuple[Left, ...]
    waiting: tuple[Left, ...]


def form(visit: Visit) -> Answer:
    """The form; once it says which release, what the rollout would do too."""
    if not visit.query.text("version"):
        return _drawn(visit, visit.query)
    try:
        plan = plan_of(visit.query)
        found = rollouts.preview(visit.desk, plan)
    except (InvalidError, NotFoundError) as e:
        return _drawn(visit, visit.query, error=str(e))
    return _drawn(visit, visit.query, previewed=_previewed(plan, found))


def create(visit: Visit) -> Answer:
    """Make it."""
    made = rollouts.create(visit.desk, plan_of(visit.form))
    is_proposed = made.state is RolloutState.PROPOSED
    return done(f"/rollouts/{made.id}", "rollout-proposed" if is_proposed else "rollout-made")


def _drawn(
    visit: Visit, fields: Fields, *, error: str = "", previewed: Previewed | None = None
) -> Answer:
    filled = given(fields)
    product = filled["product"]
    values = {
        "given": filled,
        "products": products.listed(visit.desk),
        "releases": _releases(visit, product),
        "groups": groups.listed(visit.desk, product=product) if product else (),
        "error": error,
        "previewed": previewed,
    }
    return Drawn("rollout_new", values, 422 if error else 200)


def _releases(visit: Visit, product: str) -> tuple[ListedRelease, ...]:
    if not product:
        return ()
    try:
        return releases.listed(visit.desk, product=product)
    except OtaError:
        # the page of releases says why; here there is nothing to choose from
        return ()


def _previewed(plan: RolloutPlan, found: Preview) -> Previewed:
    waves = tuple(
        PreviewedWave(
            number,
            wave.takes,
            len(recruits),
            sum(one.standing is Standing.RUNS_IT for one in recruits),
            tuple(one.device_id for one in recruits[:_SAMPLE]),
        )
        for number, (wave, recruits) in enumerate(zip(plan.waves, found.waves, strict=True), 1)
    )
    excluded = _left((one.reason, one.device_id) for one in found.excluded)
    waiting = _left((one.waits, one.device_id) for one in found.waiting)
    return Previewed(sum(wave.devices for wave in waves), waves, excluded, waiting)


def _left(devices: Iterable[tuple[str, str]]) -> tuple[Left, ...]:
    counts: Counter[str] = Counter()
    samples: dict[str, list[str]] = {}
    for reason, device_id in devices:
        counts[reason] += 1
        sample = samples.setdefault(reason, [])
        if len(sample) < _SAMPLE:
            sample.append(device_id)
    return tuple(Left(reason, number, tuple(samples[reason])) for reason, number in counts.most_common())


PAGES: Final = (
    Page("GET", "/rollouts/new", form, "The form of a new rollout, and who would be in it."),
    Page("POST", "/rollouts", create, "Make it, or propose it where a product needs approval."),
)
