"""What operators select and look at devices by: attributes and slots."""

import hashlib
from typing import Final

from ota_client.errors import HookError
from ota_client.fleet.settings import Attributes, read_attributes
from ota_client.formats.strict import Fields, canonical_json, parse_json
from ota_client.protocol import ATTRIBUTES_MOST, SLOTS_MOST, Inventory
from ota_client.report import SlotReport, Status

PRINTED_MOST_BYTES: Final = 64 * 1024


def inventory_of(status: Status, attributes: Attributes) -> Inventory:
    """Put the two together."""
    return Inventory(dict(attributes), tuple(map(_slot, status.slots[:SLOTS_MOST])))


def digest(inventory: Inventory) -> str:
    """The sha256 of its canonical JSON: the server asks for an inventory that has another."""
    return hashlib.sha256(canonical_json(inventory.to_fields())).hexdigest()


def printed_attributes(fixed: Attributes, printed: bytes) -> dict[str, str | int | bool]:
    """The settings' attributes, and over them those that the ``attributes`` hook printed as JSON.

    Raises:
        HookError: it printed something else.
    """
    what = "hook attributes"
    value = parse_json(printed, max_bytes=PRINTED_MOST_BYTES, what=what, error=HookError)
    attributes = {**fixed, **read_attributes(Fields(value, what, HookError))}
    if len(attributes) > ATTRIBUTES_MOST:
        raise HookError(f"{what}: expected at most {ATTRIBUTES_MOST} in all, got {len(attributes)}")
    return attributes


def _slot(slot: SlotReport) -> dict[str, str | bool | None]:
    return {
        "name": slot.name,
        "version": str(slot.version) if slot.version else None,
        "booted": slot.booted,
        "good": slot.good,
        "bootable": slot.bootable,
    }
