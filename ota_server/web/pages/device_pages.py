"""Devices: the list with its filters, and one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ota_client.errors import OtaError
from ota_client.formats.version import Version
from ota_server.devices.device_list import DeviceFilter
from ota_server.devices.inventory import StoredInventory
from ota_server.errors import InvalidError
from ota_server.operations import devices, groups, security
from ota_server.operations.devices import DeviceDetails
from ota_server.security.exposure import RunningVersion
from ota_server.web.pages.page import Answer, Drawn, Fields, Page, Visit

_A_PAGE: Final = 50
_HISTORY: Final = 50
_FILTERS: Final = ("text", "version", "group", "status", "tag", "phase", "silent")
PHASES: Final = ("idle", "installed", "trial", "failed")
SILENT_DAYS: Final = (1, 7, 30)


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
    query = visit.query
    page = devices.listed(visit.desk, wanted_of(visit), after=query.text("after") or None, limit=_A_PAGE)
    named = groups.listed(visit.desk, product=visit.product) if visit.product else ()
    values = {
        "page": page,
        "query": query,
        "given": {name: query.text(name) for name in _FILTERS},
        "is_filtered": any(query.text(name) for name in _FILTERS),
        "groups": named,
        "phases": PHASES,
        "silent_days": SILENT_DAYS,
    }
    return Drawn("devices", values)


def wanted_of(visit: Visit) -> DeviceFilter:
    """The filter of an address; raises InvalidError for what is none."""
    query = visit.query
    version, silent_days = query.text("version"), query.integer("silent", 0)
    return DeviceFilter(
        product=visit.product,
        group=query.text("group") or None if visit.product else None,
        version=_version(version) if version else None,
        text=query.text("text") or None,
        status=query.text("status") or None,
        tag=query.text("tag") or None,
        phase=query.text("phase") or None,
        seen_before=visit.desk.now - timedelta(days=silent_days) if silent_days else None,
    )


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
        running = security.running(visit.desk)
    except OtaError:
        return None
    mine = (
        one for one in running if one.product == found.product and one.version == found.running_version
    )
    return next(mine, None)


def _version(text: str) -> Version:
    try:
        return Version.parse(text)
    except ValueError as e:
        raise InvalidError(f"version: {e}") from e


def own_query(query: Fields) -> str:
    """The filters alone, to come back to them."""
    return query.encoded(after=None, done=None)


PAGES: Final = (
    Page("GET", "/devices", listed, "Devices by filters, 50 a page, with their number."),
    Page("GET", "/devices/{device_id}", show, "One device: slots, identity, exposure, history."),
)
