"""The device API's schema, OpenAPI 3.1, made from its routes and shapes."""

from collections.abc import Iterable
from http import HTTPStatus
from importlib.metadata import version

import msgspec

from ota_server.web import problem
from ota_server.web.device_routes import OPENAPI, ROUTES, Route
from ota_server.web.shapes import ProblemAnswer, Shape

_JSON = "application/json"
_REFERENCE = "#/components/schemas/{name}"
_DESCRIPTION = (
    "What devices and the update server say to each other. Who the device is, its client certificate "
    "says (mutual TLS); only enrolment by a token goes without. An assignment is a hint: the device "
    "verifies the release by its signatures."
)
_RETRY_AFTER = {
    "description": "Seconds until it is worth trying again.",
    "schema": {"type": "integer", "minimum": 1},
}

Json = dict[str, object]


def document() -> bytes:
    """The schema as JSON."""
    shapes = [shape for route in ROUTES for shape in (route.body, route.answer) if shape]
    _, components = msgspec.json.schema_components([*shapes, ProblemAnswer], ref_template=_REFERENCE)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Ratchet device API",
                "version": version("ratchet-ota"),
                "description": _DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": _paths(ROUTES),
            "components": {
                "schemas": components,
                "securitySchemes": {"device": {"type": "mutualTLS"}},
            },
        }
    )


def _paths(routes: Iterable[Route]) -> dict[str, Json]:
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return paths


def _operation(route: Route) -> Json:
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "security": [{"device": []}] if route.of_devices else [{}, {"device": []}],
        "responses": {str(route.status.value): _good(route)}
        | {str(status.value): _bad(status) for status in route.problems},
    }
    if route.body:
        operation["requestBody"] = {"required": True, "content": _content(_JSON, route.body)}
    return operation


def _good(route: Route) -> Json:
    if route.answer:
        return {"description": route.status.phrase, "content": _content(_JSON, route.answer)}
    if route.path == OPENAPI:
        return {"description": "This schema.", "content": {_JSON: {"schema": {"type": "object"}}}}
    return {"description": route.status.phrase}


def _bad(status: HTTPStatus) -> Json:
    answer: Json = {
        "description": status.phrase,
        "content": _content(problem.MEDIA_TYPE, ProblemAnswer),
    }
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        answer["headers"] = {"Retry-After": _RETRY_AFTER}
    return answer


def _content(media_type: str, shape: type[Shape]) -> Json:
    return {media_type: {"schema": {"$ref": _REFERENCE.format(name=shape.__name__)}}}
