"""What a device tells operators of itself: named attributes, and its slots.

It is stored as it came, in canonical JSON, and decides nothing but which groups the device is in.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn

from sqlalchemy import Connection, insert, select, update

from ota_client.formats.strict import INTEGER_MAX, NAME_RULE, canonical_json, format_time, is_name
from ota_client.protocol import ATTRIBUTE_LONGEST, ATTRIBUTES_MOST, SLOTS_MOST
from ota_server.database.schema import devices, inventories
from ota_server.devices.changes import changed
from ota_server.errors import InvalidError

DOCUMENT_MOST_BYTES: Final = 64 * 1024
_SLOT_FIELDS_MOST: Final = 16


@dataclass(frozen=True, slots=True)
class StoredInventory:
    """The inventory that a device sent last."""

    attributes: Mapping[str, str | int | bool]
    slots: tuple[Mapping[str, str | bool | None], ...]
    updated_at: datetime

    def to_fields(self) -> dict[str, object]:
        """The inventory as JSON fields."""
        return {
            "attributes": dict(self.attributes),
            "slots": [dict(slot) for slot in self.slots],
            "updated_at": format_time(self.updated_at),
        }


def put(
    connection: Connection, device_pk: int, document: Mapping[str, object], *, now: datetime
) -> None:
    """Take an inventory; the same one again changes nothing.

    Args:
        connection: in a transaction that writes.
        device_pk: whom the connection's certificate identified.
        document: ``{"attributes": {...}, "slots": [...]}``.
        now: UTC.

    Raises:
        InvalidError: a part of it is of another type or too large; the sentence names it.
    """
    data = _checked(document)
    sha256 = hashlib.sha256(data).hexdigest()
    row = select(devices.c.inventory_sha256).where(devices.c.pk == device_pk)
    known = connection.execute(row.with_for_update(key_share=True)).first()
    if known is None or known.inventory_sha256 == sha256:
        return
    connection.execute(update(devices).where(devices.c.pk == device_pk).values(inventory_sha256=sha256))
    values = {"document": data.decode(), "updated_at": int(now.timestamp())}
    own = inventories.c.device_pk == device_pk
    if not connection.execute(update(inventories).where(own).values(values)).rowcount:
        connection.execute(insert(inventories).values(device_pk=device_pk, **values))
    changed(connection, device_pk, now=now)


def get(connection: Connection, device_pk: int) -> StoredInventory | None:
    """The inventory of a device; None if it has sent none yet."""
    row = connection.execute(select(inventories).filter_by(device_pk=device_pk)).first()
    if row is None:
        return None
    document = json.loads(row.document)
    updated_at = datetime.fromtimestamp(row.updated_at, UTC)
    return StoredInventory(document["attributes"], tuple(document["slots"]), updated_at)


def _checked(document: Mapping[str, object]) -> bytes:
    """The document's one form, whose sha256 the device computes too."""
    if set(document) != {"attributes", "slots"}:
        _fail("inventory", "attributes and slots", ", ".join(sorted(document)))
    attributes, slots = document["attributes"], document["slots"]
    _check_table("attributes", attributes, most=ATTRIBUTES_MOST, none=False)
    if not isinstance(slots, list | tuple) or len(slots) > SLOTS_MOST:
        _fail("slots", f"a list of at most {SLOTS_MOST} slots", slots)
    for number, slot in enumerate(slots):
        _check_table(f"slots[{number}]", slot, most=_SLOT_FIELDS_MOST, none=True)
    data = canonical_json(document)
    if len(data) > DOCUMENT_MOST_BYTES:
        _fail("inventory", f"at most {DOCUMENT_MOST_BYTES} bytes", f"{len(data)} bytes")
    return data


def _check_table(where: str, table: object, *, most: int, none: bool) -> None:
    if not isinstance(table, Mapping) or len(table) > most:
        _fail(where, f"a table of at most {most} fields", table)
    for name, value in table.items():
        if not isinstance(name, str) or not is_name(name):
            _fail(where, f"names of {NAME_RULE}", name)
        if not (_is_value(value) or (none and value is None)):
            expected = f"a printable text of at most {ATTRIBUTE_LONGEST} characters, true, false or"
            _fail(f"{where}.{name}", f"{expected} {'nothing' if none else 'a whole number'}", value)


def _is_value(value: object) -> bool:
    if isinstance(value, str):
        # it is shown on terminals and pages: no control characters, and nothing that UTF-8 cannot say
        return len(value) <= ATTRIBUTE_LONGEST and value.isprintable()
    return isinstance(value, int) and abs(value) <= INTEGER_MAX


def _fail(where: str, expected: str, got: object) -> NoReturn:
    raise InvalidError(f"{where}: expected {expected}, got {ascii(got)[:80]}")
