"""Whether a wave has gone well, and whether everything stops. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from ota_server.rollouts.counts import WaveCounts
from ota_server.rollouts.plan import WavePlan


class Decision(StrEnum):
    """What to do with a rollout, as its open wave stands."""

    GO_ON = "go_on"
    ADVANCE = "advance"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision.

    Attributes:
        reason: why it halts, in one sentence.
    """

    decision: Decision
    reason: str = ""


def halt_reason(wave: WavePlan, counts: WaveCounts) -> str | None:
    """Why the wave's halt condition is met, by what came in since an operator last resumed."""
    bad = counts.bad - counts.base_bad
    condition = wave.halt
    if condition.count is not None and bad >= condition.count:
        return f"wave {counts.number}: {bad} failed or fell back; it halts at {condition.count}"
    if condition.share is None or not bad:
        return None
    # of those that answered since; and of all but the failures that the operator has seen, or one that
    # had succeeded before and falls back now would count for nothing
    for seen in (counts.base_answered, counts.base_bad):
        answered = counts.answered - seen
        # a wave that is smaller than that has to answer wholly
        least = max(1, min(condition.least, counts.takers - seen))
        if answered >= least and condition.share.is_reached(bad, answered):
            return (
                f"wave {counts.number}: {bad} of {answered} that answered failed or fell back; "
                f"it halts at {condition.share}"
            )
    return None


def is_met(wave: WavePlan, counts: WaveCounts) -> bool:
    """Whether the wave's success condition holds."""
    if counts.refused and not counts.takers:
        # nobody tried it: that is no success
        return False
    success = wave.success
    return success.of_members.is_reached(counts.succeeded, counts.takers) and (
        success.of_answered.is_reached(counts.succeeded, counts.answered)
    )


def judge(wave: WavePlan, counts: WaveCounts, *, open_elsewhere: int = 0, now: int) -> Verdict:
    """Decide on an open wave.

    Args:
        wave: its plan.
        counts: with ``met_at`` as of now.
        open_elsewhere: in the last wave, how many are still to answer in the earlier ones: the end waits
            for them.
        now: seconds since 1970.
    """
    if reason := halt_reason(wave, counts):
        return Verdict(Decision.HALT, reason)
    if counts.met_at is not None:
        # there is nothing to watch in a wave of nobody
        soaked = not counts.takers or now - counts.met_at >= wave.soak_s
        return Verdict(Decision.ADVANCE if soaked else Decision.GO_ON)
    if counts.open or open_elsewhere:
        return Verdict(Decision.GO_ON)
    return Verdict(
        Decision.HALT,
        f"wave {counts.number}: nobody is left to answer, and {counts.succeeded} of {counts.takers} "
        f"run the release ({counts.bad} failed or fell back, {counts.silent} silent, "
        f"{counts.refused} refused); expected {wave.success.of_members} of them and "
        f"{wave.success.of_answered} of those that answered",
    )
