"""Advisories: weaknesses that releases have or had, and how exposed the fleet is and was."""

from collections.abc import Sequence
from typing import Final

from ota_client.errors import FleetError, OtaError
from ota_server.errors import InvalidError, NotFoundError
from ota_server.operations import security
from ota_server.page import Page as Part
from ota_server.security.history import ExposedDay
from ota_server.web.pages.charts import StackedChart, stacked
from ota_server.web.pages.page import Answer, Drawn, Page, Visit

_A_PAGE: Final = 25
_DEVICES_A_PAGE: Final = 25
_DAYS: Final = 60
_SHADES: Final = {"exposed": "f-bad", "unknown": "f-off", "not exposed": "f-good"}


def listed(visit: Visit) -> Answer:
    """A page of them, the worst first."""
    query = visit.query
    page: Part[security.ListedWeakness] = Part((), 0, None)
    problem = ""
    try:
        page = security.weaknesses(
            visit.desk, text=query.text("text"), after=query.text("after") or None, limit=_A_PAGE
        )
    except (InvalidError, NotFoundError):
        raise
    except OtaError as e:
        problem = str(e)
    values = {"page": page, "text": query.text("text"), "problem": problem, "query": query}
    return Drawn("advisories", values)


def show(visit: Visit) -> Answer:
    """One: what to do, who has it, how it was."""
    weakness_id = visit.path["weakness_id"]
    exposure = security.exposed(visit.desk, weakness_id)
    days = security.exposed_over_time(visit.desk, weakness_id, days=_DAYS)
    values = {
        "exposure": exposure,
        "weakness": exposure.weakness,
        "documents": _documents(visit, weakness_id),
        "chart": chart_of(days),
        "page": security.exposed_devices(
            visit.desk, weakness_id, after=visit.query.text("after") or None, limit=_DEVICES_A_PAGE
        ),
        "query": visit.query,
    }
    return Drawn("advisory", values)


def chart_of(days: Sequence[ExposedDay]) -> StackedChart | None:
    """The fleet by whether it was exposed, by day."""
    history = {
        day.day_at: {
            "exposed": day.devices,
            "unknown": day.unknown,
            "not exposed": day.of - day.devices - day.unknown,
        }
        for day in days
    }
    return stacked(history, tuple(_SHADES), _SHADES)


def _documents(visit: Visit, weakness_id: str) -> Sequence[object]:
    try:
        return security.documents(visit.desk, weakness_id)
    except FleetError:
        return ()


PAGES: Final = (
    Page("GET", "/advisories", listed, "Weaknesses that releases have or had, the worst first."),
    Page("GET", "/advisories/{weakness_id}", show, "One: what to do, who has it, how it was."),
)
