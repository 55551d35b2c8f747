"""What may be done with a rollout now, and what each will do; the words stand beside the buttons."""

from dataclasses import dataclass
from typing import Final

from ota_client.formats.counted import agreed, counted
from ota_server.rollouts.rollout_view import Rollout
from ota_server.rollouts.states import ROLLOUT_TRANSITIONS, Event, RolloutState

_S: Final = RolloutState


@dataclass(frozen=True, slots=True)
class Step:
    """A button.

    Attributes:
        name: the end of the path to post to.
        effect: what will happen, with numbers.
        is_final: nothing leads back: it is asked once more before.
    """

    name: str
    label: str
    effect: str
    tone: str = ""
    is_final: bool = False


def steps_of(rollout: Rollout) -> tuple[Step, ...]:
    """The buttons that a rollout's state allows, the most urgent first."""
    steps = []
    if _can(rollout, Event.PAUSE):
        steps.append(Step("pause", "Stop", f"No new offers; {_in_flight(rollout)}.", "danger"))
    if _can(rollout, Event.RESUME):
        steps.append(Step("resume", "Resume", _resume_effect(rollout), "primary"))
    bad = sum(wave.bad + wave.silent for wave in rollout.waves)
    if bad and rollout.state is not _S.ABORTED:
        was = "was" if bad == 1 else "were"
        steps.append(
            Step(
                "retry",
                "Try again",
                f"{bad} that failed, fell back or {was} silent {agreed(bad, 'get')} it anew.",
            )
        )
    if _can(rollout, Event.ABORT):
        steps.append(Step("abort", "Abort…", abort_effect(rollout), "danger", is_final=True))
    return tuple(steps)


def abort_effect(rollout: Rollout) -> str:
    """What an abort does, in numbers."""
    pending = sum(wave.pending for wave in rollout.waves)
    gets = (
        f"{counted(pending, 'device')} that {agreed(pending, 'wait')} {agreed(pending, 'get')} nothing"
    )
    waiting = f"For good. {gets}"
    if not rollout.in_flight:
        return f"{waiting}; nobody is in flight."
    return (
        f"{waiting}; of the {rollout.in_flight} in flight, those that have installed it go on with it, "
        "the others are called back."
    )


def _resume_effect(rollout: Rollout) -> str:
    pending = sum(wave.pending for wave in rollout.waves if wave.opened_at is not None)
    was_halted = rollout.state is _S.HALTED
    seen = " What failed so far no longer counts for the halt condition." if was_halted else ""
    return (
        f"{counted(pending, 'device')} of the open waves {'is' if pending == 1 else 'are'} offered it, "
        f"{rollout.max_in_flight} at a time.{seen}"
    )


def _in_flight(rollout: Rollout) -> str:
    number = rollout.in_flight
    if not number:
        return "nobody is in flight"
    return f"{number} in flight finish" if number > 1 else "the one in flight finishes"


def _can(rollout: Rollout, event: Event) -> bool:
    return (rollout.state, event) in ROLLOUT_TRANSITIONS
