"""Who is in a group, as rows, and each group's counter: both change here, in one transaction.

Locks are taken in one order, everywhere: the device's row, the product's lock, groups by id, and only
then rollouts (docs/adr/0016-groups.md).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, delete, insert, literal, select, update

from ota_server.database.schema import devices, group_members, groups

_BATCH: Final = 1000


def groups_of(connection: Connection, device_pk: int) -> set[int]:
    """The ids of the groups that a device is in."""
    query = select(group_members.c.group_id).where(group_members.c.device_pk == device_pk)
    return set(connection.scalars(query))


def members_of(connection: Connection, group_id: int) -> set[int]:
    """The pks of the devices that are in a group."""
    query = select(group_members.c.device_pk).where(group_members.c.group_id == group_id)
    return set(connection.scalars(query))


def enter(connection: Connection, group_id: int, device_pks: Sequence[int]) -> None:
    """Put devices into a group that they are not in."""
    entered = 0
    for batch in _batches(device_pks):
        # locked: one that is decommissioned meanwhile is passed over
        rows = (
            select(literal(group_id), devices.c.pk)
            .where(devices.c.pk.in_(batch))
            .with_for_update(read=True, key_share=True)
        )
        inserted = insert(group_members).from_select(["group_id", "device_pk"], rows)
        # psycopg counts inserted rows only when asked
        entered += connection.execute(inserted, execution_options={"preserve_rowcount": True}).rowcount
    _count(connection, group_id, entered)


def leave(connection: Connection, group_id: int, device_pks: Sequence[int]) -> None:
    """Take devices out of a group."""
    left = 0
    for batch in _batches(device_pks):
        inside = group_members.c.device_pk.in_(batch)
        rows = delete(group_members).where(group_members.c.group_id == group_id, inside)
        left += connection.execute(rows).rowcount
    _count(connection, group_id, -left)


def _count(connection: Connection, group_id: int, difference: int) -> None:
    counted = {"devices": groups.c.devices + difference}
    connection.execute(update(groups).where(groups.c.id == group_id).values(counted))


def _batches(device_pks: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(device_pks), _BATCH):
        yield device_pks[start : start + _BATCH]
