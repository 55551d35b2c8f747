"""The fleet at a glance."""

from typing import Annotated

from msgspec import Meta

from ota_server.operations.overview import Overview
from ota_server.web.api.paging import Answer
from ota_server.web.api.shapes.advisories import Days
from ota_server.web.api.shapes.groups import OfProduct
from ota_server.web.api.shapes.rollouts import RolloutAnswer
from ota_server.web.shapes import Moment, Name, VersionText


class VersionsQuery(OfProduct, frozen=True):
    """How far back, and of which product."""

    days: Days = 90


class RunningShareAnswer(Answer, frozen=True):
    """How many devices run a version; null before their first check-in."""

    product: Name
    version: VersionText | None
    devices: int


class FallbackAnswer(Answer, frozen=True):
    """A device that fell back."""

    device_id: Name
    product: Name
    version: Annotated[VersionText | None, Meta(description="What it gave up.")]
    rollout_id: int
    rollout: str
    code: str
    at: Moment


class SeverityShareAnswer(Answer, frozen=True):
    """How many devices run a version whose worst known weakness is so bad; null is none known."""

    severity: str | None
    devices: int


class OverviewAnswer(Answer, frozen=True):
    """The fleet, or one product of it."""

    devices: int
    versions: Annotated[list[RunningShareAnswer], Meta(description="The most frequent first.")]
    rollouts: Annotated[list[RolloutAnswer], Meta(description="Not over; the newest first.")]
    fell_back: Annotated[list[FallbackAnswer], Meta(description="Lately; the newest first.")]
    exposure: Annotated[list[SeverityShareAnswer], Meta(description="The worst first.")]
    problem: Annotated[str, Meta(description="Why the exposure is not known.")]
    silent: Annotated[int | None, Meta(description="Devices that had not come for long.")]
    expiring: Annotated[int | None, Meta(description="Devices whose certificates end soon.")]

    @classmethod
    def at(cls, found: Overview) -> "OverviewAnswer":
        """From the domain's words."""
        return cls(
            devices=found.devices,
            versions=[RunningShareAnswer.told(one) for one in found.versions],
            rollouts=[RolloutAnswer.at(one) for one in found.rollouts],
            fell_back=[FallbackAnswer.told(one) for one in found.fell_back],
            exposure=[SeverityShareAnswer.told(one) for one in found.exposure],
            problem=found.problem,
            silent=found.silent,
            expiring=found.expiring,
        )


class VersionDayAnswer(Answer, frozen=True):
    """How many devices ran a version at the end of a day."""

    day_at: Moment
    product: Name
    version: VersionText | None
    devices: int


class VersionDaysAnswer(Answer, frozen=True):
    """What ran on each day, oldest first."""

    items: list[VersionDayAnswer]


class SeverityDayAnswer(Answer, frozen=True):
    """How many devices ran what has so bad a weakness at the end of a day; null is none known."""

    day_at: Moment
    severity: str | None
    devices: int


class SeverityDaysAnswer(Answer, frozen=True):
    """How exposed the fleet was on each day by what is known today, oldest first."""

    items: list[SeverityDayAnswer]


class HealthAnswer(Answer, frozen=True):
    """Whether this server can do its work."""

    status: Annotated[str, Meta(description="ok, or what is wrong")]
    problems: Annotated[dict[str, str], Meta(description="Of products, as devices would say it.")]
