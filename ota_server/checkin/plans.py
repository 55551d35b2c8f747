"""When a rollout may begin on a device: its maintenance windows, remembered by the rollout's revision.

A device outside of its window comes every few minutes: it must not cost a transaction to tell it so.
"""

from dataclasses import dataclass

from sqlalchemy import select

from ota_server.database.database import Database
from ota_server.database.schema import rollouts
from ota_server.rollouts.ledger import read_plan
from ota_server.rollouts.plan import RolloutPlan

# rollouts that are open at the same time: more are looked up again
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class _Known:
    revision: int
    plan: RolloutPlan


class Plans:
    """The plans of the rollouts that devices are offered.

    Args:
        database: asked in a thread, once for each revision of a rollout.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, _Known] = {}

    async def get(self, rollout_id: int, revision: int) -> RolloutPlan | None:
        """The plan as of this revision or a later one; None if the rollout is gone.

        Raises:
            DatabaseUnavailableError: it is not known yet, and the database does not answer, or it is
                none that this version can read.
        """
        known = self._known.get(rollout_id)
        if known is None or known.revision < revision:
            known = await self._database.threads.run(self._read, rollout_id)
            if known is None:
                return None
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[rollout_id] = known
        return known.plan

    def _read(self, rollout_id: int) -> _Known | None:
        wanted = select(rollouts.c.revision, rollouts.c.plan).filter_by(id=rollout_id)
        with self._database.read() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else _Known(row.revision, read_plan(row.plan))
