"""The filters of the list of devices, as they stand in its address."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from ota_client.formats.version import Version
from ota_server.devices.device_list import DeviceFilter
from ota_server.errors import InvalidError
from ota_server.web.pages.page import Visit

FILTERS: Final = ("text", "version", "group", "status", "tag", "phase", "silent", "ends")
PHASES: Final = ("idle", "installed", "trial", "failed")
_SILENT_DAYS: Final = (1, 7, 30)
_ENDS_DAYS: Final = (7, 30, 90)
_DAY_S: Final = 86_400
_SPAN: Final = re.compile(r"([0-9]{1,8})(s?)")


def wanted_of(visit: Visit) -> DeviceFilter:
    """The filter of an address.

    Raises:
        InvalidError: it is none.
    """
    query, now = visit.query, visit.desk.now
    version, silent, ends_days = query.text("version"), query.text("silent"), query.text("ends")
    return DeviceFilter(
        product=visit.product,
        group=query.text("group") or None if visit.product else None,
        version=_version(version) if version else None,
        text=query.text("text") or None,
        status=query.text("status") or None,
        tag=query.text("tag") or None,
        phase=query.text("phase") or None,
        seen_before=now - _span("silent", silent) if silent else None,
        expires_before=now + _span("ends", ends_days) if ends_days else None,
    )


def silent_spans(told_after_s: int) -> tuple[tuple[str, int], ...]:
    """What may be chosen, with its seconds: some days, and from when on people are told."""
    spans = sorted({*(days * _DAY_S for days in _SILENT_DAYS), told_after_s})
    return tuple((silent_value(seconds), seconds) for seconds in spans)


def ends_days(warned_days: int) -> Iterable[int]:
    """Within how many days a certificate ends; one of them is when people are warned."""
    return sorted({*_ENDS_DAYS, warned_days})


def silent_value(seconds: int) -> str:
    """How a span stands in the address: days, or seconds such as ``90s``."""
    days, rest = divmod(seconds, _DAY_S)
    return f"{seconds}s" if rest or not days else str(days)


def _span(name: str, text: str) -> timedelta:
    match = _SPAN.fullmatch(text)
    seconds = int(match[1]) * (1 if match[2] else _DAY_S) if match else 0
    # no calendar has ten thousand years
    if match is None or seconds > 36_600 * _DAY_S:
        raise InvalidError(
            f"{name}: expected a number of days, or of seconds such as 90s, got {text[:40]!r}"
        )
    return timedelta(seconds=seconds)


def _version(text: str) -> Version:
    try:
        return Version.parse(text)
    except ValueError as e:
        raise InvalidError(f"version: {e}") from e
