"""What is done with a device; the pages before say what that is."""

import re
from typing import Final

from ota_server.operations import devices, rollouts
from ota_server.operators.actor import Role
from ota_server.web.pages.page import Answer, Drawn, Moved, Page, Visit, done

_BETWEEN: Final = re.compile(r"[\s,]+")


def set_tags(visit: Visit) -> Answer:
    """Have a device carry these tags and no others."""
    wanted = {tag for tag in _BETWEEN.split(visit.form.text("tags")) if tag}
    devices.set_tags(visit.desk, visit.path["device_id"], wanted)
    return done(_path(visit), "tags-set")


def consent(visit: Visit) -> Answer:
    """Agree to a rollout in the owner's name."""
    device_id = visit.path["device_id"]
    rollouts.consent(visit.desk, visit.form.integer("rollout", 0), device_id)
    return done(_path(visit), "consented")


def ask_revoke(visit: Visit) -> Answer:
    """Say what it does."""
    found = devices.find(visit.desk, visit.path["device_id"])
    visit.desk.need(Role.OPERATOR, found.product)
    effects = (
        "The device is turned away from its next request on; its certificate is refused for good.",
        "It leaves its rollouts: nobody waits for it any more.",
        "What is known of it stays: history, inventory, tags.",
        "It comes back with a new key alone: enrol it with a token made for that (rekey).",
    )
    return _confirmation(visit, "Revoke", effects, "revoke", "Revoke the device")


def revoke(visit: Visit) -> Answer:
    """Turn it away from now on."""
    devices.revoke(visit.desk, visit.path["device_id"], reason=visit.form.text("reason"))
    return done(_path(visit), "device-revoked")


def ask_decommission(visit: Visit, error: str = "") -> Answer:
    """Say what it does."""
    found = devices.find(visit.desk, visit.path["device_id"])
    visit.desk.need(Role.ADMIN, found.product)
    effects = (
        "The device is turned away for good: its key never comes back.",
        "Everything that is stored of it is erased: history, inventory, tags, its places in rollouts.",
        "This cannot be undone. The audit log keeps that it was done, and by whom.",
    )
    name = found.device_id
    return _confirmation(
        visit, "Decommission", effects, "decommission", "Erase the device", typed=name, error=error
    )


def decommission(visit: Visit) -> Answer:
    """Erase it."""
    device_id = visit.path["device_id"]
    if visit.form.text("typed") != device_id:
        asked = ask_decommission(visit, "expected the device's id, typed as it stands here")
        return Drawn("confirm", asked.values, 422) if isinstance(asked, Drawn) else asked
    devices.decommission(visit.desk, device_id, reason=visit.form.text("reason"))
    return Moved("/devices?done=device-gone")


def _confirmation(
    visit: Visit,
    title: str,
    effects: tuple[str, ...],
    action: str,
    button: str,
    *,
    typed: str = "",
    error: str = "",
) -> Answer:
    device_id = visit.path["device_id"]
    values = {
        "title": f"{title} {device_id}",
        "crumbs": (("Devices", "/devices"), (device_id, _path(visit))),
        "effects": effects,
        "action": f"{_path(visit)}/{action}",
        "button": button,
        "back": _path(visit),
        "typed": typed,
        "error": error,
    }
    return Drawn("confirm", values)


def _path(visit: Visit) -> str:
    # the operation has found it: it is a name, without anything that a path would take amiss
    return f"/devices/{visit.path['device_id']}"


_DEVICE: Final = "/devices/{device_id}"
PAGES: Final = (
    Page("POST", f"{_DEVICE}/tags", set_tags, "Set its tags."),
    Page("POST", f"{_DEVICE}/consent", consent, "Agree to a rollout in its owner's name."),
    Page("GET", f"{_DEVICE}/revoke", ask_revoke, "What it does, and whether it is meant."),
    Page("POST", f"{_DEVICE}/revoke", revoke, "Turn it away from now on."),
    Page("GET", f"{_DEVICE}/decommission", ask_decommission, "What it does, and whether it is meant."),
    Page("POST", f"{_DEVICE}/decommission", decommission, "Erase it, for good."),
)
