"""The drawing and the table in docs/explanation/rollouts.md are the tables in the code."""

import re
from pathlib import Path

import pytest

from ota_server.database.schema import IN_FLIGHT_STATES, OPEN_STATES
from ota_server.errors import ConflictError
from ota_server.rollouts import states
from ota_server.rollouts.states import DeviceState, Event, RolloutState

PAGE = (Path(__file__).parents[2] / "docs/explanation/rollouts.md").read_text(encoding="utf-8")


def listed(cell):
    return {word.strip() for word in cell.split(",") if word.strip()}


def test_the_drawing_has_every_transition_of_a_rollout_and_no_other():
    drawn = set(re.findall(r"^    (\w+) --> (\w+): (\w+)$", PAGE, re.MULTILINE))
    known = states.ROLLOUT_TRANSITIONS.items()
    assert drawn == {(before.value, after.value, event.value) for (before, event), after in known}


def test_the_table_has_every_transition_of_a_device_and_no_other():
    rows = re.findall(r"^\| (\w+) \| ([\w, ]*)\| ([\w, ]*)\|$", PAGE, re.MULTILINE)
    drawn = {
        state: (listed(said), listed(done)) for state, said, done in rows if state in [*DeviceState]
    }
    assert drawn == {
        state.value: (
            set(states.REPORT_TRANSITIONS.get(state, ())),
            set(states.SERVER_TRANSITIONS.get(state, ())),
        )
        for state in DeviceState
    }


@pytest.mark.walk(16)
@pytest.mark.parametrize("state", RolloutState)
@pytest.mark.parametrize("event", Event)
def test_what_is_not_drawn_cannot_happen(state, event):
    if (state, event) not in states.ROLLOUT_TRANSITIONS:
        with pytest.raises(ConflictError, match=f"the rollout is {state}"):
            states.after(state, event)


def test_the_states_that_the_schema_knows_are_these():
    assert tuple(states.IN_FLIGHT) == IN_FLIGHT_STATES
    assert (DeviceState.PENDING, *states.IN_FLIGHT) == OPEN_STATES
