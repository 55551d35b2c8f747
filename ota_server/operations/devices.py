"""Devices, as people look at them, tag them and let them go."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ota_server.devices import device, device_list, device_places, inventory, removal, tags
from ota_server.devices.device import Device, HistoryEntry
from ota_server.devices.device_list import DeviceFilter
from ota_server.devices.device_places import DevicePlace
from ota_server.devices.inventory import StoredInventory
from ota_server.devices.membership import groups_of
from ota_server.devices.removal import Erased
from ota_server.errors import NotFoundError
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role
from ota_server.page import Page
from ota_server.rollouts.consent import awaited

_ALL: Final = DeviceFilter()


@dataclass(frozen=True, slots=True)
class DeviceDetails:
    """All that is known of a device but its history.

    Attributes:
        inventory: what it said of itself; None if it has sent none yet.
        groups: the names of those that it is in.
        places: in rollouts, the newest rollout first.
        consent_wanted: the rollouts that wait for its owner.
    """

    device: Device
    inventory: StoredInventory | None
    groups: tuple[str, ...]
    places: tuple[DevicePlace, ...]
    consent_wanted: tuple[int, ...]


def listed(
    desk: Desk,
    wanted: DeviceFilter = _ALL,
    *,
    after: str | None = None,
    limit: int = 100,
) -> Page[Device]:
    """A page of the devices that the actor sees, in the order of their ids.

    Args:
        desk: who asks.
        wanted: which.
        after: ``next_after`` of the page before.
        limit: most devices on the page.

    Raises:
        InvalidError: the limit, the cursor or the beginning of an id cannot be one.
    """
    return device_list.listed(desk.connection, wanted, products=desk.products, after=after, limit=limit)


def find(desk: Desk, device_id: str) -> Device:
    """One device.

    Raises:
        NotFoundError: no device has this id, or it is of a product that the actor does not see; as in
            all that follow.
    """
    found = device.find(desk.connection, device_id)
    if not desk.sees(found.product):
        raise device.unknown(device_id)
    return found


def show(desk: Desk, device_id: str) -> DeviceDetails:
    """One device with its slots, attributes, groups and rollouts."""
    found = find(desk, device_id)
    return DeviceDetails(
        found,
        inventory.get(desk.connection, found.pk),
        device_places.group_names(desk.connection, found.pk),
        device_places.places(desk.connection, found.pk, found.product),
        awaited(desk.connection, found.pk),
    )


def history(desk: Desk, device_id: str, *, limit: int = 100) -> tuple[HistoryEntry, ...]:
    """What happened to a device, the newest first; at most 200 entries are kept."""
    return device.history(desk.connection, find(desk, device_id).device_id, limit)


def change_tags(
    desk: Desk, device_id: str, *, add: Collection[str] = (), remove: Collection[str] = ()
) -> tuple[str, ...]:
    """Put tags on a device and take others away; returns those that it has now. Needs an operator.

    Where rollouts need approval, and a tag brings the device into one, it needs an approver who did not
    make it.

    Raises:
        ForbiddenError: the actor made that rollout.
        InvalidError: a tag is no name, or they would be too many.
    """
    found = find(desk, device_id)
    desk.need(Role.OPERATOR, found.product)
    before = groups_of(desk.connection, found.pk)
    after = tags.change(desk.connection, device_id, add=add, remove=remove, now=desk.now)
    desk.need_second(found.product, groups_of(desk.connection, found.pk) - before)
    if after != found.tags:
        desk.note("device.tag", device_id, product=found.product, tags=list(after))
    return after


def set_tags(desk: Desk, device_id: str, wanted: Collection[str]) -> tuple[str, ...]:
    """Have a device carry these tags and no others; else as ``change_tags``."""
    known = find(desk, device_id).tags
    return change_tags(desk, device_id, add=wanted, remove=set(known) - set(wanted))


def revoke(desk: Desk, device_id: str, *, reason: str = "") -> Device:
    """Refuse a device from its next request on, and keep what is known of it. Needs an operator."""
    found = find(desk, device_id)
    desk.need(Role.OPERATOR, found.product)
    removal.revoke(desk.connection, device_id, reason=reason, now=desk.now)
    desk.note("device.revoke", device_id, product=found.product, reason=reason)
    return find(desk, device_id)


def decommission(desk: Desk, device_id: str, *, reason: str = "") -> Erased:
    """Erase a device, so that its key never comes back (B05). Needs an admin.

    For an admin of all products it is done for an id that nobody has, too: the enrolment tokens that are
    for this id alone become void.
    """
    try:
        found = find(desk, device_id)
    except NotFoundError:
        if not desk.actor.may_everywhere(Role.ADMIN):
            raise
        erased = removal.decommission(desk.connection, device_id, reason=reason, now=desk.now)
        if erased.tokens:
            desk.note("device.decommission", device_id, reason=reason, tokens=erased.tokens)
        return erased
    desk.need(Role.ADMIN, found.product)
    erased = removal.decommission(desk.connection, device_id, reason=reason, now=desk.now)
    desk.note("device.decommission", device_id, product=found.product, reason=reason)
    return erased
