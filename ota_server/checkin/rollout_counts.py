"""How the rollouts stand that are not over: their counters, for metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from ota_server.database.schema import rollout_waves, rollouts

_OVER = ("finished", "aborted")
_ENDED = ("succeeded", "failed", "fell_back", "refused", "silent")
_RUNNING = "running"


@dataclass(frozen=True, slots=True)
class RolloutCount:
    """One rollout.

    Attributes:
        ended: how many devices ended in which state.
    """

    product: str
    name: str
    is_running: bool
    wave: int
    in_flight: int
    max_in_flight: int
    ended: Mapping[str, int]


def rollout_counts(connection: Connection) -> list[RolloutCount]:
    """Read the counters; no device's row is looked at."""
    sums = [func.sum(rollout_waves.c[state]).label(state) for state in _ENDED]
    of = (rollouts.c.id, rollouts.c.product, rollouts.c.name, rollouts.c.state, rollouts.c.wave)
    limits = (rollouts.c.in_flight, rollouts.c.max_in_flight)
    wanted = (
        select(*of, *limits, *sums)
        .join_from(rollouts, rollout_waves, rollout_waves.c.rollout_id == rollouts.c.id)
        .where(rollouts.c.state.not_in(_OVER))
        .group_by(*of, *limits)
        .order_by(rollouts.c.id)
    )
    return [
        RolloutCount(
            row.product,
            row.name,
            row.state == _RUNNING,
            row.wave,
            row.in_flight,
            row.max_in_flight,
            {state: int(getattr(row, state)) for state in _ENDED},
        )
        for row in connection.execute(wanted)
    ]
