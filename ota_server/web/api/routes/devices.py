"""Devices."""

from typing import Final

from ota_server.operations import devices
from ota_server.operators.actor import Role
from ota_server.page import PAGE_MOST
from ota_server.web.api.paging import Part, opened_cursor
from ota_server.web.api.route import PREFIX, Call, Kind, Route
from ota_server.web.api.shapes.devices import (
    DeviceAnswer,
    DeviceDetailsAnswer,
    DevicesAnswer,
    DevicesExportQuery,
    DevicesQuery,
    ErasedAnswer,
    HistoryAnswer,
    HistoryQuery,
    ReasonBody,
    TagsAnswer,
    TagsBody,
)
from ota_server.web.api.streams import LINES

_ALL: Final = f"{PREFIX}/devices"
_ONE: Final = f"{_ALL}/{{device_id}}"


def _listed(call: Call[DevicesQuery, None]) -> DevicesAnswer:
    query = call.query
    after = opened_cursor(query.after)
    page = devices.listed(call.desk, query.to_filter(), after=after, limit=query.limit)
    return DevicesAnswer.page(page)


def _exported(call: Call[DevicesExportQuery, None]) -> Part:
    wanted = call.query.to_filter()
    page = devices.listed(call.desk, wanted, after=call.after, limit=PAGE_MOST)
    return Part.of(page, DeviceAnswer)


def _shown(call: Call[None, None]) -> DeviceDetailsAnswer:
    return DeviceDetailsAnswer.told(devices.show(call.desk, call.text("device_id")))


def _history(call: Call[HistoryQuery, None]) -> HistoryAnswer:
    entries = devices.history(call.desk, call.text("device_id"), limit=call.query.limit)
    return HistoryAnswer.told({"items": entries})


def _tagged(call: Call[None, TagsBody]) -> TagsAnswer:
    device_id = call.text("device_id")
    tags = devices.set_tags(call.desk, device_id, call.body.tags)
    return TagsAnswer.told({"device_id": device_id, "tags": tags})


def _revoked(call: Call[None, ReasonBody]) -> DeviceAnswer:
    device_id = call.text("device_id")
    return DeviceAnswer.told(devices.revoke(call.desk, device_id, reason=call.body.reason))


def _decommissioned(call: Call[None, ReasonBody]) -> ErasedAnswer:
    device_id = call.text("device_id")
    return ErasedAnswer.told(devices.decommission(call.desk, device_id, reason=call.body.reason))


ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        "list_devices",
        "Devices, in the order of their ids.",
        query=DevicesQuery,
        answer=DevicesAnswer,
        do=_listed,
    ),
    Route(
        "GET",
        f"{_ALL}/export",
        "export_devices",
        "All devices of a list, one JSON object a line.",
        query=DevicesExportQuery,
        media_type=LINES,
        kind=Kind.LINES,
        do=_exported,
    ),
    Route(
        "GET",
        _ONE,
        "show_device",
        "A device, with what it said of itself, its groups and its rollouts.",
        answer=DeviceDetailsAnswer,
        do=_shown,
    ),
    Route(
        "GET",
        f"{_ONE}/history",
        "show_device_history",
        "What happened to a device, the newest first.",
        query=HistoryQuery,
        answer=HistoryAnswer,
        do=_history,
    ),
    Route(
        "PUT",
        f"{_ONE}/tags",
        "set_device_tags",
        "Have a device carry these tags and no others.",
        body=TagsBody,
        answer=TagsAnswer,
        role=Role.OPERATOR,
        changes=True,
        do=_tagged,
    ),
    Route(
        "POST",
        f"{_ONE}/revoke",
        "revoke_device",
        "Refuse a device from its next request on; what is known of it stays.",
        body=ReasonBody,
        answer=DeviceAnswer,
        role=Role.OPERATOR,
        changes=True,
        do=_revoked,
    ),
    Route(
        "POST",
        f"{_ONE}/decommission",
        "decommission_device",
        "Erase a device for good; its key never comes back.",
        body=ReasonBody,
        answer=ErasedAnswer,
        role=Role.ADMIN,
        changes=True,
        do=_decommissioned,
    ),
)
