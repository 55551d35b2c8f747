"""Tags: words that an operator puts on devices, to make groups of them."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, update

from ota_client.formats.strict import NAME_RULE, canonical_json, is_name
from ota_server.database.schema import devices
from ota_server.devices.changes import changed
from ota_server.devices.device import find
from ota_server.errors import InvalidError

TAGS_MOST: Final = 20


def change(
    connection: Connection,
    device_id: str,
    *,
    add: Collection[str] = (),
    remove: Collection[str] = (),
    now: datetime,
) -> tuple[str, ...]:
    """Put tags on a device and take others away; returns the tags that it has now.

    Args:
        connection: in a transaction that writes.
        device_id: of a known device.
        add: tags; those that it has already change nothing.
        remove: tags; those that it does not have change nothing.
        now: UTC.

    Raises:
        InvalidError: a tag is no name, or they would be more than ``TAGS_MOST``.
        NotFoundError: no device has this id.
    """
    for tag in (*add, *remove):
        if not is_name(tag):
            raise InvalidError(f"tag: expected a name of {NAME_RULE}, got {tag[:80]!r}")
    device_pk = find(connection, device_id).pk
    row = select(devices.c.tags).where(devices.c.pk == device_pk).with_for_update(key_share=True)
    known = json.loads(connection.scalar(row) or "[]")
    tags = sorted({*known, *add} - set(remove))
    if len(tags) > TAGS_MOST:
        raise InvalidError(f"tags of {device_id}: expected at most {TAGS_MOST}, got {len(tags)}")
    if tags != known:
        text = canonical_json(tags).decode()
        connection.execute(update(devices).where(devices.c.pk == device_pk).values(tags=text))
        changed(connection, device_pk, now=now)
    return tuple(tags)
