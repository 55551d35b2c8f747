"""Rollouts: the list, one of them with its bars, and its devices."""

from dataclasses import dataclass
from typing import Final

from ota_server.errors import InvalidError
from ota_server.operations import approvals, rollouts
from ota_server.operators.actor import Role
from ota_server.rollouts.rollout_view import Rollout
from ota_server.rollouts.states import BAD, OPEN_ROLLOUTS, DeviceState, RolloutState
from ota_server.web.pages.page import Answer, Drawn, Page, Visit
from ota_server.web.pages.rollout_steps import Step, steps_of
from ota_server.web.pages.wave_bars import WaveBar, is_live, wave_bars, whole_bar

_A_PAGE: Final = 25
_MEMBERS_A_PAGE: Final = 50
_FELL_BACK_SHOWN: Final = 8
_SHOWN: Final = {"open": OPEN_ROLLOUTS, "over": (RolloutState.FINISHED, RolloutState.ABORTED)}


@dataclass(frozen=True, slots=True)
class ListedRollout:
    """A rollout in a list."""

    rollout: Rollout
    bar: WaveBar


def listed(visit: Visit) -> Answer:
    """The rollouts, the newest first."""
    return Drawn("rollouts", _listed(visit))


def listed_part(visit: Visit) -> Answer:
    """The list alone."""
    return Drawn("parts/rollout_list", _listed(visit))


def _listed(visit: Visit) -> dict[str, object]:
    shown = visit.query.text("shown")
    page = rollouts.listed(
        visit.desk,
        product=visit.product,
        states=_SHOWN.get(shown, ()),
        after=visit.query.text("after") or None,
        limit=_A_PAGE,
    )
    items = tuple(ListedRollout(one, whole_bar(one)) for one in page.items)
    return {"page": page, "items": items, "shown": shown, "query": visit.query}


def show(visit: Visit) -> Answer:
    """One rollout: how it stands, what may be done, who fell back."""
    return Drawn("rollout", _shown(visit))


def show_part(visit: Visit) -> Answer:
    """What of it is live."""
    return Drawn("parts/rollout_live", _shown(visit))


def _shown(visit: Visit) -> dict[str, object]:
    found = rollouts.find(visit.desk, visit.number("rollout_id"))
    fell_back = rollouts.members(
        visit.desk, found.id, state=DeviceState.FELL_BACK, limit=_FELL_BACK_SHOWN
    )
    return {
        "rollout": found,
        "bars": wave_bars(found),
        "whole": whole_bar(found),
        "is_live": is_live(found),
        "approval": approvals.find(visit.desk, found.id),
        "may_decide": approvals.may_decide(visit.desk, found.id),
        "fell_back": fell_back,
        "reasons": rollouts.failure_reasons(visit.desk, found.id),
        "steps": _steps(visit, found),
        "bad": sum(wave.bad for wave in found.waves),
        "bad_states": BAD,
    }


def _steps(visit: Visit, found: Rollout) -> tuple[Step, ...]:
    if not visit.desk.actor.may(Role.OPERATOR, found.product):
        return ()
    return steps_of(found)


def members(visit: Visit) -> Answer:
    """A page of a rollout's devices."""
    found = rollouts.find(visit.desk, visit.number("rollout_id"))
    text = visit.query.text("state")
    if text and text not in set(DeviceState):
        raise InvalidError(f"state: expected one of {', '.join(DeviceState)}, got {text[:40]!r}")
    state = DeviceState(text) if text else None
    page = rollouts.members(
        visit.desk,
        found.id,
        state=state,
        after=visit.query.text("after") or None,
        limit=_MEMBERS_A_PAGE,
    )
    values = {"rollout": found, "page": page, "state": text, "states": tuple(DeviceState)}
    return Drawn("rollout_devices", {**values, "query": visit.query})


PAGES: Final = (
    Page("GET", "/rollouts", listed, "Rollouts, the newest first, with their bars."),
    Page("GET", "/rollouts/part", listed_part, "The list alone, to renew it.", is_part=True),
    Page("GET", "/rollouts/{rollout_id}", show, "One rollout: waves, failures, what may be done."),
    Page("GET", "/rollouts/{rollout_id}/part", show_part, "What of it is live.", is_part=True),
    Page("GET", "/rollouts/{rollout_id}/devices", members, "Its devices, by their state."),
)
