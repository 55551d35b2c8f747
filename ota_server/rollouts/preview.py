"""A dry run: who would be in a rollout, in which wave, and who would not and why. It changes nothing."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ota_server.rollouts.plan import RolloutPlan
from ota_server.rollouts.recruiting import (
    Catalog,
    Exclusion,
    Recruit,
    group_id_of,
    recruit,
    with_releases,
)


@dataclass(frozen=True, slots=True)
class Preview:
    """What ``create`` would do now.

    Attributes:
        waves: the devices of each wave, the first wave's first.
        excluded: the devices of the group that take no part, and named ones that are not in it.
    """

    waves: tuple[tuple[Recruit, ...], ...]
    excluded: tuple[Exclusion, ...]

    @property
    def waiting(self) -> tuple[Recruit, ...]:
        """Members that are not offered anything for now."""
        return tuple(recruit for wave in self.waves for recruit in wave if recruit.waits)

    def reasons(self) -> dict[str, int]:
        """How many devices are excluded, by reason."""
        return dict(Counter(exclusion.reason for exclusion in self.excluded))


def preview(connection: Connection, plan: RolloutPlan, *, catalog: Catalog, now: datetime) -> Preview:
    """Say what a plan would do.

    Args:
        connection: to read from.
        plan: of a rollout that does not exist yet.
        catalog: the published releases.
        now: UTC.

    Raises:
        NotFoundError: there is no such release or group.
        InvalidError: the stepping stone does not lead to the release.
    """
    whole = with_releases(plan, catalog)
    recruits = recruit(connection, whole, group_id_of(connection, whole), now=now)
    waves: list[list[Recruit]] = [[] for _ in plan.waves]
    for one in recruits.taken:
        waves[one.wave - 1].append(one)
    return Preview(tuple(map(tuple, waves)), recruits.excluded)
