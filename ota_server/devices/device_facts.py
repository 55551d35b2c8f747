"""What the database knows of devices that groups are made of: of one, or of all of a product in turn."""

import json
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, null, select

from ota_server.database.schema import devices, inventories
from ota_server.devices.group_query import DeviceFacts, Query
from ota_server.devices.query_fields import parsed_version

# as many as are read at a time: memory stays small, and the statement costs little beside its rows
_BATCH: Final = 2000
_ABSENT: Final = '{"attributes":{}}'


def facts_of(connection: Connection, device_pk: int) -> DeviceFacts | None:
    """The facts of one device; None if it was decommissioned meanwhile."""
    row = connection.execute(_rows(inventory=True).where(devices.c.pk == device_pk)).first()
    return None if row is None else _facts(row)


def matching(connection: Connection, product: str, query: Query) -> Iterator[tuple[int, str]]:
    """The pk and id of each device of a product that a query matches, in the order of their ids."""
    after = ""
    while True:
        rows = connection.execute(
            _rows(inventory=query.asks_attributes)
            .where(devices.c.product == product, devices.c.device_id > after)
            .order_by(devices.c.device_id)
            .limit(_BATCH)
        ).all()
        yield from ((row.pk, row.device_id) for row in rows if query.matches(_facts(row)))
        if len(rows) < _BATCH:
            return
        after = rows[-1].device_id


def _rows(*, inventory: bool) -> Select[Any]:
    columns = devices.c
    query = select(
        columns.pk,
        columns.device_id,
        columns.product,
        columns.hardware_id,
        columns.running_version,
        columns.rollback_index,
        columns.phase,
        columns.tags,
        (inventories.c.document if inventory else null()).label("document"),
    )
    if not inventory:
        return query
    return query.outerjoin(inventories, inventories.c.device_pk == columns.pk)


def _facts(row: Row[Any]) -> DeviceFacts:
    _, device_id, product, hardware_id, running, rollback_index, phase, tags, document = tuple(row)
    return DeviceFacts(
        device_id,
        product,
        hardware_id,
        None if running is None else parsed_version(running),
        rollback_index,
        phase,
        () if tags == "[]" else tuple(json.loads(tags)),
        json.loads(document or _ABSENT)["attributes"],
    )
