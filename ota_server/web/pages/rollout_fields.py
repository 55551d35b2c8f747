"""The form of a new rollout, as a plan."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from ota_client.formats.version import Version
from ota_server.errors import InvalidError
from ota_server.rollouts.plan import HaltCondition, RolloutPlan, SuccessCondition, WavePlan
from ota_server.rollouts.share import Share
from ota_server.rollouts.windows import MaintenanceWindow
from ota_server.web.pages.page import Fields

# what a careful person would begin with
DEFAULTS: Final[Mapping[str, str]] = {
    "product": "",
    "version": "",
    "group": "",
    "name": "",
    "waves": "5%, 25%, rest",
    "max_in_flight": "50",
    "halt_share": "10%",
    "halt_least": "20",
    "of_members": "80%",
    "of_answered": "90%",
    "soak_hours": "24",
    "starts_at": "",
    "windows": "",
    "via": "",
    "retries": "2",
    "answer_hours": "24",
    "priority": "0",
    "consent": "",
    "stays_open": "",
}
_HOUR_S: Final = 3600
_LINES: Final = re.compile(r"[\n;]+")
# between waves; the names of a wave of named devices have commas too
_WAVES: Final = re.compile(r"[\n;]+|,(?=\s*(?:rest|devices:|[\d.]+%|\d+\s*(?:[,\n;]|$)))")


def given(fields: Fields) -> dict[str, str]:
    """What was filled in, or what stands in the fields before."""
    if not fields.text("version"):
        return {name: fields.text(name, default) for name, default in DEFAULTS.items()}
    return {name: fields.text(name) for name in DEFAULTS}


def plan_of(fields: Fields) -> RolloutPlan:
    """The plan that a form describes.

    Raises:
        InvalidError: a field is not what it should be; the sentence begins with its name.
    """
    success = SuccessCondition(_share(fields, "of_members"), _share(fields, "of_answered"))
    halt = HaltCondition(
        share=_share(fields, "halt_share") if fields.text("halt_share") else None,
        least=fields.integer("halt_least", 20),
    )
    soak_s = fields.integer("soak_hours", 0) * _HOUR_S
    waves = tuple(
        WavePlan.taking(text, success=success, halt=halt, soak_s=soak_s)
        for text in _pieces(_WAVES, fields.text("waves"))
    )
    return RolloutPlan(
        product=fields.text("product"),
        name=fields.text("name"),
        version=_version(fields, "version"),
        group=fields.text("group"),
        waves=waves,
        max_in_flight=fields.integer("max_in_flight", 50),
        forced=not fields.flag("consent"),
        starts_at=_time(fields.text("starts_at")),
        windows=tuple(map(_window, _pieces(_LINES, fields.text("windows")))),
        via=_version(fields, "via") if fields.text("via") else None,
        retries=fields.integer("retries", 2),
        answer_within_s=fields.integer("answer_hours", 24) * _HOUR_S,
        priority=fields.integer("priority", 0),
        stays_open=fields.flag("stays_open"),
    )


def _pieces(between: re.Pattern[str], text: str) -> list[str]:
    return [piece.strip() for piece in between.split(text) if piece.strip()]


def _share(fields: Fields, name: str) -> Share:
    try:
        return Share.parse(fields.text(name))
    except ValueError as e:
        raise InvalidError(f"{name}: {e}") from e


def _version(fields: Fields, name: str) -> Version:
    try:
        return Version.parse(fields.text(name))
    except ValueError as e:
        raise InvalidError(f"{name}: {e}") from e


def _window(text: str) -> MaintenanceWindow:
    try:
        return MaintenanceWindow.parse(text)
    except ValueError as e:
        raise InvalidError(f"windows: {e}") from e


def _time(text: str) -> datetime | None:
    """As a browser's field for date and time says it; it is UTC."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as e:
        raise InvalidError(f"starts_at: expected a date and time, got {text[:40]!r}") from e
