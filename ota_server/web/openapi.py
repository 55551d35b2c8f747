"""An API's schema, OpenAPI 3.1, made from its routes and shapes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, cast

import msgspec

from ota_server.web import problem
from ota_server.web.route import JSON, Json, Route
from ota_server.web.shapes import ProblemAnswer, Shape

_REFERENCE = "#/components/schemas/{name}"
_RETRY_AFTER = {
    "description": "Seconds until it is worth trying again.",
    "schema": {"type": "integer", "minimum": 1},
}


@dataclass(frozen=True, slots=True)
class Api:
    """What an API's schema says of the whole.

    Attributes:
        title: its name.
        description: some sentences.
        schemes: the ways to show who asks, as OpenAPI's security schemes.
    """

    title: str
    description: str
    schemes: Mapping[str, Json]


def document(api: Api, routes: Sequence[Route]) -> bytes:
    """The schema as JSON."""
    shapes = [shape for route in routes for shape in (route.body, route.answer) if shape]
    queries = [route.query for route in routes if route.query]
    _, components = msgspec.json.schema_components(
        [*shapes, *queries, ProblemAnswer], ref_template=_REFERENCE
    )
    taken_apart = {query.__name__: components.pop(query.__name__) for query in {*queries}}
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": api.title,
                "version": version("ratchet-ota"),
                "description": api.description,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": _paths(routes, taken_apart),
            "components": {"schemas": components, "securitySchemes": api.schemes},
        }
    )


def _paths(routes: Iterable[Route], queries: Mapping[str, Any]) -> dict[str, Json]:
    paths: dict[str, Json] = {}
    for route in routes:
        query = queries[route.query.__name__] if route.query else {}
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, query)
    return paths


def _operation(route: Route, query: Mapping[str, Any]) -> Json:
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "security": route.security,
        "responses": {str(route.status.value): _good(route)}
        | {str(status.value): _bad(status) for status in route.problems},
    }
    parameters = [*_path_parameters(route), *_query_parameters(query), *route.headers]
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {"required": True, "content": _content(JSON, route.body)}
    return operation


def _path_parameters(route: Route) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(kind)}
        for name, kind in route.path_types.items()
    ]


def _query_parameters(query: Mapping[str, Any]) -> list[Json]:
    required = query.get("required", ())
    properties = cast("Mapping[str, Json]", query.get("properties", {}))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in properties.items()
    ]


def _good(route: Route) -> Json:
    if route.answer:
        return {"description": route.status.phrase, "content": _content(route.media_type, route.answer)}
    if route.status is HTTPStatus.NO_CONTENT:
        return {"description": route.status.phrase}
    kind = "object" if route.media_type == JSON else "string"
    content = {route.media_type: {"schema": {"type": kind}}}
    return {"description": route.summary, "content": content}


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
