"""The states of a rollout and of each of its devices, and every way from one to the next.

These tables are the only place that knows; docs/explanation/rollouts.md draws them.
"""

from enum import StrEnum
from typing import Final

from ota_client.protocol import ReportState
from ota_server.errors import ConflictError


class RolloutState(StrEnum):
    """Where a rollout is."""

    # it waits for a second person's word
    PROPOSED = "proposed"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    FINISHED = "finished"
    ABORTED = "aborted"


class Event(StrEnum):
    """What moves a rollout; ``halt``, ``start``, ``finish`` and ``reopen`` happen by themselves."""

    APPROVE = "approve"
    REJECT = "reject"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    HALT = "halt"
    FINISH = "finish"
    # a retry, or a late joiner where the rollout stays open
    REOPEN = "reopen"
    ABORT = "abort"


_R = RolloutState

ROLLOUT_TRANSITIONS: Final[dict[tuple[RolloutState, Event], RolloutState]] = {
    (_R.PROPOSED, Event.APPROVE): _R.SCHEDULED,
    (_R.PROPOSED, Event.REJECT): _R.ABORTED,
    (_R.PROPOSED, Event.ABORT): _R.ABORTED,
    (_R.SCHEDULED, Event.START): _R.RUNNING,
    (_R.SCHEDULED, Event.ABORT): _R.ABORTED,
    (_R.RUNNING, Event.PAUSE): _R.PAUSED,
    (_R.RUNNING, Event.HALT): _R.HALTED,
    (_R.RUNNING, Event.FINISH): _R.FINISHED,
    (_R.RUNNING, Event.ABORT): _R.ABORTED,
    (_R.PAUSED, Event.RESUME): _R.RUNNING,
    (_R.PAUSED, Event.HALT): _R.HALTED,
    (_R.PAUSED, Event.ABORT): _R.ABORTED,
    (_R.HALTED, Event.RESUME): _R.RUNNING,
    (_R.HALTED, Event.ABORT): _R.ABORTED,
    (_R.FINISHED, Event.REOPEN): _R.RUNNING,
}

# what a person can ask for, and how
_BY_PEOPLE: Final = {
    Event.ABORT: "abort",
    Event.APPROVE: "approve",
    Event.PAUSE: "pause",
    Event.REJECT: "reject",
    Event.RESUME: "resume",
    Event.REOPEN: "retry",
}

# what is not over: its devices may still be given a release, now or after a resume
OPEN_ROLLOUTS: Final = (_R.PROPOSED, _R.SCHEDULED, _R.RUNNING, _R.PAUSED, _R.HALTED)


def after(state: RolloutState, event: Event) -> RolloutState:
    """The state that follows.

    Raises:
        ConflictError: the event cannot happen in this state.
    """
    following = ROLLOUT_TRANSITIONS.get((state, event))
    if following is None:
        possible = [word for name, word in _BY_PEOPLE.items() if (state, name) in ROLLOUT_TRANSITIONS]
        ways = f"from there: {', '.join(possible)}" if possible else "nothing leads on from there"
        raise ConflictError(f"the rollout is {state}: expected one that can {event}; {ways}")
    return following


class DeviceState(StrEnum):
    """Where a device is with a rollout."""

    PENDING = "pending"
    ASSIGNED = "assigned"
    DOWNLOADING = "downloading"
    INSTALLED = "installed"
    TRIAL = "trial"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FELL_BACK = "fell_back"
    REFUSED = "refused"
    SILENT = "silent"
    # it left the group, was revoked, or the rollout was aborted before its turn
    WITHDRAWN = "withdrawn"


_D = DeviceState

# it holds one of the rollout's places
IN_FLIGHT: Final = (_D.ASSIGNED, _D.DOWNLOADING, _D.INSTALLED, _D.TRIAL)
# ... without anything in its slot yet, so that it can be called back
RECALLABLE: Final = (_D.ASSIGNED, _D.DOWNLOADING)
BAD: Final = (_D.FAILED, _D.FELL_BACK)

REPORTED: Final[dict[ReportState, DeviceState]] = {
    ReportState.DOWNLOADING: _D.DOWNLOADING,
    ReportState.INSTALLED: _D.INSTALLED,
    ReportState.TRIAL: _D.TRIAL,
    ReportState.CONFIRMED: _D.SUCCEEDED,
    ReportState.FAILED: _D.FAILED,
    ReportState.FELL_BACK: _D.FELL_BACK,
    ReportState.REFUSED: _D.REFUSED,
}
_PROGRESS: Final = frozenset({_D.DOWNLOADING, _D.INSTALLED, _D.TRIAL})
_ANSWERS: Final = frozenset({_D.SUCCEEDED, *BAD, _D.REFUSED})
_LAST_WORDS: Final = frozenset({_D.SUCCEEDED, _D.FELL_BACK})

# What a report may change a device's state to; any other report is out of date, and changes nothing.
REPORT_TRANSITIONS: Final[dict[DeviceState, frozenset[DeviceState]]] = {
    # of an earlier attempt: one that fell silent, or was called back
    _D.PENDING: _PROGRESS | _ANSWERS,
    **dict.fromkeys(IN_FLIGHT, _PROGRESS | _ANSWERS),
    _D.SILENT: _PROGRESS | _ANSWERS,
    _D.WITHDRAWN: _ANSWERS,
    # the last word counts: it came up after all, or went back to the other slot after all
    _D.FAILED: _LAST_WORDS,
    _D.REFUSED: _LAST_WORDS,
    _D.FELL_BACK: frozenset({_D.SUCCEEDED}),
    _D.SUCCEEDED: frozenset({_D.FELL_BACK}),
}

# What the server itself changes.
SERVER_TRANSITIONS: Final[dict[DeviceState, frozenset[DeviceState]]] = {
    # claimed; runs it already; cannot take it any more; left, revoked, aborted
    _D.PENDING: frozenset({_D.ASSIGNED, _D.SUCCEEDED, _D.REFUSED, _D.WITHDRAWN}),
    # tried again, called back by a halt, or on from the stepping stone; no word for too long; revoked
    **dict.fromkeys(IN_FLIGHT, frozenset({_D.PENDING, _D.SILENT, _D.WITHDRAWN})),
    # an operator's retry; a silent one by itself, when it is here again
    **dict.fromkeys((*BAD, _D.SILENT), frozenset({_D.PENDING})),
    # it came back into the group
    _D.WITHDRAWN: frozenset({_D.PENDING}),
}


def reported(state: DeviceState, word: ReportState) -> DeviceState | None:
    """The state after a report; None if the report is out of date."""
    following = REPORTED[word]
    return following if following in REPORT_TRANSITIONS[state] else None
