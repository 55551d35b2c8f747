"""How many rollouts were made for each group."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from ota_server.database.schema import rollouts
from ota_server.database.scope import Products, within
from ota_server.rollouts.states import OPEN_ROLLOUTS


@dataclass(frozen=True, slots=True)
class RolloutNumbers:
    """Of one group.

    Attributes:
        made: all of them.
        open: those that are not over.
    """

    made: int
    open: int


def counted(connection: Connection, *, products: Products) -> dict[int, RolloutNumbers]:
    """By the group's id; of groups of these products (B10) that have any."""
    is_open = case((rollouts.c.state.in_(OPEN_ROLLOUTS), 1), else_=0)
    wanted = select(rollouts.c.group_id, func.count(), func.sum(is_open))
    rows = connection.execute(
        wanted.where(within(rollouts.c.product, products)).group_by(rollouts.c.group_id)
    )
    return {row[0]: RolloutNumbers(row[1], int(row[2])) for row in rows}
