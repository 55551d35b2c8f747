"""What operators hold: a role a product, kept one by one."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from ota_server.database.operators_schema import operator_grants
from ota_server.errors import InvalidError
from ota_server.operators.role import Grant, Role

_GRANTS_MOST: Final = 1000


def grants_of(connection: Connection, operator_ids: Sequence[int]) -> dict[int, dict[str, Role]]:
    """What each of these holds."""
    found: dict[int, dict[str, Role]] = {operator_id: {} for operator_id in operator_ids}
    wanted = operator_grants.c.operator_id.in_(operator_ids)
    for row in connection.execute(select(operator_grants).where(wanted)):
        found[row.operator_id][row.product] = Role(row.role)
    return found


def put_grants(connection: Connection, operator_id: int, grants: Iterable[Grant]) -> None:
    """Put these in place of all that it holds.

    Raises:
        InvalidError: one product comes twice, or there are too many.
    """
    given = list(grants)
    check_grants(given)
    connection.execute(delete(operator_grants).filter_by(operator_id=operator_id))
    rows = [
        {"operator_id": operator_id, "product": grant.product, "role": grant.role.value}
        for grant in given
    ]
    if rows:
        connection.execute(insert(operator_grants), rows)


def check_grants(grants: Sequence[Grant]) -> None:
    """Refuse grants that contradict each other.

    Raises:
        InvalidError: one product comes twice, or there are too many.
    """
    if len({grant.product for grant in grants}) != len(grants) or len(grants) > _GRANTS_MOST:
        raise InvalidError(f"grants: expected one role a product, at most {_GRANTS_MOST}")
