"""All doors of the operator API: the table that answers requests, and of which the schema is made."""

from typing import Final

from ota_server.web.api.document import DOCUMENT_NAME
from ota_server.web.api.route import PREFIX, Route
from ota_server.web.api.routes import (
    advisories,
    api_tokens,
    audit,
    devices,
    enrolment_tokens,
    events,
    groups,
    operators,
    overview,
    products,
    releases,
    rollout_steering,
    rollouts,
    subscriptions,
)

OPENAPI: Final = f"{PREFIX}/openapi.json"

_SCHEMA: Final = Route("GET", OPENAPI, DOCUMENT_NAME, "This schema; to everybody.", role=None)

ROUTES: Final[tuple[Route, ...]] = (
    *overview.ROUTES,
    *devices.ROUTES,
    *groups.ROUTES,
    *enrolment_tokens.ROUTES,
    *releases.ROUTES,
    *advisories.ROUTES,
    *rollouts.ROUTES,
    *rollout_steering.ROUTES,
    *products.ROUTES,
    *operators.ROUTES,
    *api_tokens.ROUTES,
    *subscriptions.ROUTES,
    *events.ROUTES,
    *audit.ROUTES,
    _SCHEMA,
)
