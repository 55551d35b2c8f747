"""The fleet at a glance, and the server's health."""

from typing import Final

from ota_server.operations import overview, products
from ota_server.web.api.paging import given
from ota_server.web.api.route import PREFIX, Call, Route
from ota_server.web.api.shapes.groups import OfProduct
from ota_server.web.api.shapes.overview import (
    HealthAnswer,
    OverviewAnswer,
    SeverityDaysAnswer,
    VersionDaysAnswer,
    VersionsQuery,
)


def _overview(call: Call[OfProduct, None]) -> OverviewAnswer:
    return OverviewAnswer.at(overview.overview(call.desk, product=given(call.query.product)))


def _versions(call: Call[VersionsQuery, None]) -> VersionDaysAnswer:
    query = call.query
    found = overview.versions_over_time(call.desk, product=given(query.product), days=query.days)
    return VersionDaysAnswer.told({"items": found})


def _exposure(call: Call[VersionsQuery, None]) -> SeverityDaysAnswer:
    query = call.query
    found = overview.exposure_over_time(call.desk, product=given(query.product), days=query.days)
    return SeverityDaysAnswer.told({"items": found})


def _health(call: Call[None, None]) -> HealthAnswer:
    """The database has answered when this is asked."""
    refused = {one.name: one.problem for one in products.listed(call.desk) if one.problem}
    return HealthAnswer("products refused" if refused else "ok", refused)


ROUTES: Final = (
    Route(
        "GET",
        f"{PREFIX}/overview",
        "show_overview",
        "The fleet at a glance, from counters: what runs, what is rolled out, who fell back.",
        query=OfProduct,
        answer=OverviewAnswer,
        reads_releases=True,
        do=_overview,
    ),
    Route(
        "GET",
        f"{PREFIX}/overview/versions",
        "show_versions_over_time",
        "What ran on each of the last days.",
        query=VersionsQuery,
        answer=VersionDaysAnswer,
        do=_versions,
    ),
    Route(
        "GET",
        f"{PREFIX}/overview/exposure",
        "show_exposure_over_time",
        "How exposed the fleet was on each of the last days, by the worst known weakness.",
        query=VersionsQuery,
        answer=SeverityDaysAnswer,
        reads_releases=True,
        do=_exposure,
    ),
    Route(
        "GET",
        f"{PREFIX}/health",
        "show_health",
        "Whether the server can do its work, and devices would believe what is published.",
        answer=HealthAnswer,
        reads_releases=True,
        do=_health,
    ),
)
