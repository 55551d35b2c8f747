"""What an operator wants of a rollout; the same is answered of one that there is."""

from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from ota_client.formats.version import Version
from ota_server.rollouts.plan import (
    ANSWER_LONGEST_S,
    ANSWER_SHORTEST_S,
    IN_FLIGHT_MOST,
    PRIORITY_MOST,
    RETRIES_MOST,
    WAVES_MOST,
    RolloutPlan,
)
from ota_server.rollouts.share import Share
from ota_server.rollouts.wave_plan import (
    COUNT_MOST,
    SOAK_LONGEST_S,
    HaltCondition,
    SuccessCondition,
    WavePlan,
)
from ota_server.rollouts.windows import WINDOWS_MOST, MaintenanceWindow
from ota_server.web.shapes import FieldError, Moment, Name, Shape, VersionText, moment

_END: Final = r"$(?!\n)"
_SHARE: Final = rf"^(100(\.00?)?|[0-9]{{1,2}}(\.[0-9]{{1,2}})?)%{_END}"
_WINDOW_LONGEST: Final = 100
# 500 names of 64 characters, with commas
_TAKES_LONGEST: Final = 40_000

ShareText = Annotated[str, Meta(pattern=_SHARE, examples=["5%", "0.25%"])]
Takes = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=_TAKES_LONGEST,
        description="A share of the group, a number of devices, `rest`, or `devices:NAME,NAME`.",
        examples=["5%", "rest", "10", "devices:cam-1,cam-2"],
        extra_json_schema={"format": "wave"},
    ),
]
Window = Annotated[
    str,
    Meta(
        max_length=_WINDOW_LONGEST,
        examples=["Mon-Fri 22:00-04:00 Europe/Berlin"],
        extra_json_schema={"format": "maintenance-window"},
    ),
]
DeviceNumber = Annotated[int, Meta(ge=1, le=COUNT_MOST)]


class SuccessShape(Shape, frozen=True, omit_defaults=False):
    """What opens the next wave; both must hold."""

    of_members: ShareText = str(SuccessCondition().of_members)
    of_answered: ShareText = str(SuccessCondition().of_answered)


class HaltShape(Shape, frozen=True, omit_defaults=False):
    """What stops the rollout: devices that failed or fell back; either does."""

    # of those that answered; null if no share stops it
    share: ShareText | None = str(HaltCondition().share)
    # so many must have answered before the share counts
    least: DeviceNumber = HaltCondition().least
    count: DeviceNumber | None = None


class WaveShape(Shape, frozen=True, omit_defaults=False):
    """One wave."""

    takes: Takes
    success: SuccessShape = SuccessShape()
    halt: HaltShape = HaltShape()
    soak_s: Annotated[
        int,
        Meta(ge=0, le=SOAK_LONGEST_S, description="How long success must hold before the next wave."),
    ] = 0

    def to_plan(self) -> WavePlan:
        """In the domain's words; raises InvalidError."""
        halt = self.halt
        return WavePlan.taking(
            self.takes,
            success=SuccessCondition(
                Share.parse(self.success.of_members), Share.parse(self.success.of_answered)
            ),
            halt=HaltCondition(
                None if halt.share is None else Share.parse(halt.share), halt.least, halt.count
            ),
            soak_s=self.soak_s,
        )

    @classmethod
    def of(cls, wave: WavePlan) -> "WaveShape":
        """From the domain's words."""
        share, success = wave.halt.share, wave.success
        return cls(
            wave.takes,
            SuccessShape(str(success.of_members), str(success.of_answered)),
            HaltShape(None if share is None else str(share), wave.halt.least, wave.halt.count),
            wave.soak_s,
        )


class RolloutBody(Shape, frozen=True):
    """A new rollout."""

    product: Name
    name: Name
    version: VersionText
    group: Name
    max_in_flight: Annotated[
        int, Meta(ge=1, le=IN_FLIGHT_MOST, description="Devices that may update at once.")
    ]
    waves: Annotated[tuple[WaveShape, ...], Meta(min_length=1, max_length=WAVES_MOST)] = (
        WaveShape("rest"),
    )
    forced: Annotated[bool, Meta(description="False asks each device's owner first.")] = True
    starts_at: Moment | UnsetType = UNSET
    windows: Annotated[tuple[Window, ...], Meta(max_length=WINDOWS_MOST)] = ()
    via: VersionText | UnsetType = UNSET
    retries: Annotated[int, Meta(ge=0, le=RETRIES_MOST)] = 2
    answer_within_s: Annotated[int, Meta(ge=ANSWER_SHORTEST_S, le=ANSWER_LONGEST_S)] = 86_400
    priority: Annotated[int, Meta(ge=-PRIORITY_MOST, le=PRIORITY_MOST)] = 0
    stays_open: Annotated[bool, Meta(description="Also for devices that join after the end.")] = False

    def to_plan(self) -> RolloutPlan:
        """In the domain's words.

        Raises:
            InvalidError: they contradict each other.
        """
        return RolloutPlan(
            product=self.product,
            name=self.name,
            version=Version.parse(self.version),
            group=self.group,
            waves=tuple(wave.to_plan() for wave in self.waves),
            max_in_flight=self.max_in_flight,
            forced=self.forced,
            starts_at=None if self.starts_at is UNSET else moment(self.starts_at, "$.starts_at"),
            windows=tuple(_window(number, text) for number, text in enumerate(self.windows)),
            via=None if self.via is UNSET else Version.parse(self.via),
            retries=self.retries,
            answer_within_s=self.answer_within_s,
            priority=self.priority,
            stays_open=self.stays_open,
        )


def _window(number: int, text: str) -> MaintenanceWindow:
    try:
        return MaintenanceWindow.parse(text)
    except ValueError as e:
        raise FieldError(f"$.windows[{number}]", f"{e}.") from None
