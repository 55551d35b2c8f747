"""How a wave stands: its devices by state."""

from dataclasses import dataclass, replace
from typing import Final, Self

from ota_server.rollouts.states import IN_FLIGHT, DeviceState

# The state is counted in the field of the same name, or, where the device is updating, in ``assigned``.
# Those that are pending are what is left of the members.
_FIELDS: Final = {
    **dict.fromkeys(IN_FLIGHT, "assigned"),
    **{
        state: state.value
        for state in (
            DeviceState.SUCCEEDED,
            DeviceState.FAILED,
            DeviceState.FELL_BACK,
            DeviceState.REFUSED,
            DeviceState.SILENT,
            DeviceState.WITHDRAWN,
        )
    },
}


@dataclass(frozen=True, slots=True)
class WaveCounts:
    """The counters of one wave; they are the columns of ``rollout_waves``.

    Attributes:
        number: from 1.
        assigned: how many are updating now.
        base_answered: how many had answered when an operator last resumed; with ``base_bad`` what the
            halt condition no longer looks at.
        opened_at: seconds since 1970; None before.
        met_at: since when the success condition holds; None if it does not.
    """

    number: int
    members: int = 0
    assigned: int = 0
    succeeded: int = 0
    failed: int = 0
    fell_back: int = 0
    refused: int = 0
    silent: int = 0
    withdrawn: int = 0
    base_answered: int = 0
    base_bad: int = 0
    opened_at: int | None = None
    met_at: int | None = None

    @property
    def bad(self) -> int:
        """How many failed or fell back."""
        return self.failed + self.fell_back

    @property
    def answered(self) -> int:
        """How many have tried it; those that refused say nothing about the release."""
        return self.succeeded + self.bad

    @property
    def takers(self) -> int:
        """How many are to run it in the end."""
        return self.members - self.refused - self.withdrawn

    @property
    def open(self) -> int:
        """From how many an answer is still to come: pending and updating ones."""
        return self.takers - self.answered - self.silent

    @property
    def pending(self) -> int:
        """How many wait for their turn."""
        return self.open - self.assigned

    def moved(self, old: DeviceState | None, new: DeviceState | None, number: int = 1) -> Self:
        """The counters after devices changed their state; ``None`` is no member."""
        change = {"members": (old is None) * number - (new is None) * number}
        for state, by in ((old, -number), (new, number)):
            field = _FIELDS.get(state) if state is not None else None
            if field is not None:
                change[field] = change.get(field, 0) + by
        after = replace(self, **{name: getattr(self, name) + by for name, by in change.items()})
        # a base is never above what it is the base of, or new failures would hide behind old ones
        return replace(
            after,
            base_answered=min(after.base_answered, after.answered),
            base_bad=min(after.base_bad, after.bad),
        )

    def with_base(self) -> Self:
        """The counters after an operator has seen what there is, and resumed."""
        return replace(self, base_answered=self.answered, base_bad=self.bad)
