"""Devices: the list with its filters, and one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ota_client.errors import OtaError
from ota_server.devices.inventory import StoredInventory
from ota_server.operations import devices, groups, security
from ota_server.operations.devices import DeviceDetails
from ota_server.security.exposure import RunningVersion
from ota_server.web.pages.device_filters import FILTERS, PHASES, ends_days, silent_spans, wanted_of
from ota_server.web.pages.page import Answer, Drawn, Page, Visit

_A_PAGE: Final = 50
_HISTORY: Final = 50


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot as it is drawn; whatever the device said of it is text.

    Attributes:
        marks: words such as ``running``.
    """

    name: str
    version: str
    is_running: bool
    marks: tuple[tuple[str, str], ...]
    rollback_index: str


def listed(visit: Visit) -> Answer:
    """A page of devices; the filters are the address."""
    query, rules = visit.query, visit.house.settings.notifications
    page = devices.listed(visit.desk, wanted_of(visit), after=query.text("after") or None, limit=_A_PAGE)
    named = groups.listed(visit.desk, product=visit.product) if visit.product else ()
    values = {
        "page": page,
        "query": query,
        "given": {name: query.text(name) for name in FILTERS},
        "is_filtered": any(query.text(name) for name in FILTERS),
        "groups": named,
        "phases": PHASES,
        "silent_spans": silent_spans(rules.silent_after_s),
        "ends_days": ends_days(rules.expiry_warning_days),
    }
    return Drawn("devices", values)


def show(visit: Visit) -> Answer:
    """One device: slots, identity, what it is exposed to, what happened to it."""
    details = devices.show(visit.desk, visit.path["device_id"])
    values = {
        "details": details,
        "device": details.device,
        "slots": slots_of(details.inventory),
        "counters": _counters(details),
        "history": devices.history(visit.desk, details.device.device_id, limit=_HISTORY),
        "exposure": _exposure(visit, details),
        "warn_days": visit.house.settings.notifications.expiry_warning_days,
    }
    return Drawn("device", values)


def slots_of(inventory: StoredInventory | None) -> tuple[Slot, ...]:
    """The slots that a device told of."""
    return tuple(map(_slot, inventory.slots)) if inventory else ()


def _slot(told: Mapping[str, object]) -> Slot:
    running, bootable = told.get("booted") is True, told.get("bootable") is True
    good, primary = told.get("good") is True, told.get("primary") is True
    known = (
        (running, ("running", "live")),
        (primary, ("next to boot", "")),
        (running and not good, ("on trial", "warn")),
        (good, ("good", "good")),
        (not bootable, ("not bootable", "bad" if running else "")),
        (told.get("complete") is False, ("not complete", "warn")),
    )
    tries = told.get("tries_left")
    marks = [mark for holds, mark in known if holds]
    if isinstance(tries, int) and not isinstance(tries, bool):
        marks.append((f"{tries} tries left", "warn" if not good else ""))
    index = told.get("rollback_index")
    return Slot(
        str(told.get("name") or "?"),
        str(told.get("version") or ""),
        running,
        tuple(marks),
        "" if index is None else str(index),
    )


def _counters(details: DeviceDetails) -> tuple[tuple[str, object], ...]:
    found = details.device
    return (
        ("Stored rollback index", found.rollback_index),
        ("Version of the trusted root", found.root_version),
        ("Rollouts", len(details.places)),
        ("Failed or fell back", sum(p.state in {"failed", "fell_back"} for p in details.places)),
    )


def _exposure(visit: Visit, details: DeviceDetails) -> RunningVersion | None:
    """What the running version still contains; None where nobody can tell."""
    found = details.device
    try:
        running = security.running(visit.desk, product=found.product)
    except OtaError:
        return None
    return next((one for one in running if one.version == found.running_version), None)


PAGES: Final = (
    Page("GET", "/devices", listed, "Devices by filters, 50 a page, with their number."),
    Page("GET", "/devices/{device_id}", show, "One device: slots, identity, exposure, history."),
)
