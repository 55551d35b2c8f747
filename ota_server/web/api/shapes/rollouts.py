"""Rollouts, as they are asked for, steered and answered."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ota_client.formats.strict import format_time
from ota_server.rollouts.approval import COMMENT_LONGEST, Approval
from ota_server.rollouts.counts import WaveCounts
from ota_server.rollouts.plan import RolloutPlan
from ota_server.rollouts.preview import Preview
from ota_server.rollouts.rollout_view import Rollout
from ota_server.rollouts.states import DeviceState, RolloutState
from ota_server.web.api.paging import Answer, PageAnswer, PageQuery
from ota_server.web.api.shapes.rollout_plan import WaveShape
from ota_server.web.shapes import Moment, Name, Shape, VersionText

_DEVICES_MOST = 1000
# each wave's, and of each reason: a preview must not be as long as the fleet
EXAMPLES_MOST = 100


class RolloutsQuery(PageQuery, frozen=True):
    """Which rollouts, and which page of them."""

    product: Name | UnsetType = UNSET
    state: Annotated[tuple[RolloutState, ...], Meta(max_length=len(RolloutState))] = ()


class MembersQuery(PageQuery, frozen=True):
    """Which of a rollout's devices, and which page of them."""

    state: DeviceState | UnsetType = UNSET


class RetryBody(Shape, frozen=True):
    """Who is to be given it once more."""

    # failed, fell_back, silent; all three unless some are named
    states: Annotated[list[DeviceState], Meta(max_length=len(DeviceState))] | UnsetType = UNSET
    # these only; none for all
    device_ids: Annotated[tuple[Name, ...], Meta(max_length=_DEVICES_MOST)] = ()


class ConsentBody(Shape, frozen=True):
    """Whose owner agrees."""

    device_id: Name


class CommentBody(Shape, frozen=True):
    """What who decides has to say."""

    comment: Annotated[str, Meta(max_length=COMMENT_LONGEST)] = ""


class WaveAnswer(Answer, frozen=True):
    """How a wave stands: its devices, counted."""

    number: int
    plan: WaveShape
    members: int
    pending: Annotated[int, Meta(description="They wait for their turn.")]
    assigned: Annotated[int, Meta(description="They are updating now.")]
    succeeded: int
    failed: int
    fell_back: int
    refused: int
    silent: int
    withdrawn: int
    opened_at: Moment | None
    met_at: Annotated[Moment | None, Meta(description="Since when the success condition holds.")]


class RolloutAnswer(Answer, frozen=True):
    """One rollout."""

    id: int
    product: Name
    name: Name
    version: VersionText
    group: Name
    state: RolloutState
    reason: Annotated[str, Meta(description="Why it is paused, halted or aborted.")]
    wave: Annotated[int, Meta(description="The last one that is open; 0 before the first.")]
    waves: list[WaveAnswer]
    in_flight: Annotated[int, Meta(description="Devices that are updating.")]
    max_in_flight: int
    forced: bool
    windows: list[str]
    via: VersionText | None
    retries: int
    answer_within_s: int
    priority: int
    stays_open: bool
    created_at: Moment
    starts_at: Moment
    changed_at: Moment
    revision: Annotated[int, Meta(description="Rises with each change of state or wave.")]

    @classmethod
    def at(cls, found: Rollout) -> "RolloutAnswer":
        """From the domain's words."""
        plan = found.plan
        return cls(
            id=found.id,
            product=found.product,
            name=found.name,
            version=str(found.version),
            group=found.group,
            state=found.state,
            reason=found.reason,
            wave=found.wave,
            waves=[_wave(plan, counts) for counts in found.waves],
            in_flight=found.in_flight,
            max_in_flight=found.max_in_flight,
            forced=plan.forced,
            windows=[str(window) for window in plan.windows],
            via=None if plan.via is None else str(plan.via),
            retries=plan.retries,
            answer_within_s=plan.answer_within_s,
            priority=found.priority,
            stays_open=plan.stays_open,
            created_at=format_time(found.created_at),
            starts_at=format_time(found.starts_at),
            changed_at=format_time(found.changed_at),
            revision=found.revision,
        )


class RolloutsAnswer(PageAnswer, frozen=True):
    """A page of rollouts, the newest first."""

    items: list[RolloutAnswer]


class MemberAnswer(Answer, frozen=True):
    """A device in a rollout."""

    device_id: Name
    wave: int
    state: DeviceState
    attempts: Annotated[int, Meta(description="How often it was given the release.")]
    version: Annotated[VersionText | None, Meta(description="What it was given last.")]
    consented: bool
    code: Annotated[str, Meta(description="Of the error that it reported last.")]
    changed_at: Moment


class MembersAnswer(PageAnswer, frozen=True):
    """A page of a rollout's devices."""

    items: list[MemberAnswer]


class FailureAnswer(Answer, frozen=True):
    """Why devices failed."""

    state: DeviceState
    code: str
    devices: int
    example: Annotated[str, Meta(description="The id of one of them.")]


class FailuresAnswer(Answer, frozen=True):
    """Why devices failed or fell back, the most frequent first."""

    items: list[FailureAnswer]


class RetriedAnswer(Answer, frozen=True):
    """To how many it is given once more."""

    devices: int


class ApprovalAnswer(Answer, frozen=True):
    """Who asked for a rollout, and who decided."""

    asked_by: Annotated[str | None, Meta(description="Such as `operator:mia`.")]
    asked_at: Moment | None
    decided_by: str | None
    decided_at: Moment | None
    verdict: Annotated[str | None, Meta(description="approved, rejected")]
    comment: str

    @classmethod
    def at(cls, found: Approval | None) -> "ApprovalAnswer":
        """From the domain's words; nothing is known of rollouts that older servers made."""
        if found is None:
            return cls(None, None, None, None, None, "")
        return cls.told(found)


class PreviewedDevice(Answer, frozen=True):
    """A device that would take part."""

    device_id: Name
    standing: Annotated[str, Meta(description="offer, offer-stone, runs-it")]
    waits: Annotated[str, Meta(description="Why it is offered nothing for now; empty if it is.")]


class PreviewedWave(Answer, frozen=True):
    """Whom a wave would take."""

    devices: Annotated[int, Meta(description="How many.")]
    first: list[PreviewedDevice]


class ExcludedDevice(Answer, frozen=True):
    """A device that would take no part."""

    device_id: Name
    reason: str
    running: str


class PreviewAnswer(Answer, frozen=True):
    """What would happen; nothing has changed. Of each list the first 100 are answered."""

    waves: list[PreviewedWave]
    reasons: Annotated[dict[str, int], Meta(description="Devices that are left out, by reason.")]
    excluded: list[ExcludedDevice]

    @classmethod
    def at(cls, preview: Preview) -> "PreviewAnswer":
        """From the domain's words."""
        waves = [
            PreviewedWave(
                len(wave),
                [
                    PreviewedDevice(one.device_id, one.standing.value, one.waits)
                    for one in wave[:EXAMPLES_MOST]
                ],
            )
            for wave in preview.waves
        ]
        excluded = [
            ExcludedDevice(one.device_id, one.reason, one.running)
            for one in preview.excluded[:EXAMPLES_MOST]
        ]
        return cls(waves, preview.reasons(), excluded)


def _wave(plan: RolloutPlan, counts: WaveCounts) -> WaveAnswer:
    return WaveAnswer(
        number=counts.number,
        plan=WaveShape.of(plan.wave(counts.number)),
        members=counts.members,
        pending=counts.pending,
        assigned=counts.assigned,
        succeeded=counts.succeeded,
        failed=counts.failed,
        fell_back=counts.fell_back,
        refused=counts.refused,
        silent=counts.silent,
        withdrawn=counts.withdrawn,
        opened_at=_time(counts.opened_at),
        met_at=_time(counts.met_at),
    )


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else format_time(datetime.fromtimestamp(seconds, UTC))
