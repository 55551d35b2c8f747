"""The paths of the operator API: which door one leads to, and what the values in it must look like."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import unquote

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException

from ota_client.protocol import ASSIGNMENT_ID_MAX
from ota_server.web.shapes import Name, VersionText

if TYPE_CHECKING:
    from ota_server.web.api.route import Route

_END: Final = r"$(?!\n)"
_PART: Final = re.compile(r"\{([a-z_]+)\}")

Number = Annotated[int, Meta(ge=1, le=ASSIGNMENT_ID_MAX)]
AdvisoryId = Annotated[
    str, Meta(max_length=64, pattern=rf"^[A-Za-z0-9][A-Za-z0-9._:-]*{_END}", examples=["CVE-2026-1234"])
]
OperatorName = Annotated[str, Meta(max_length=64, pattern=rf"^[a-z0-9][a-z0-9._@-]*{_END}")]
GrantedProduct = Annotated[
    str,
    Meta(max_length=64, pattern=rf"^(\*|[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*){_END}"),
]

# Each name has one type, wherever it stands.
TYPES: Final[Mapping[str, Any]] = {
    "product": Name,
    "device_id": Name,
    "group": Name,
    "version": VersionText,
    "rollout_id": Number,
    "token_id": Number,
    "subscription": Name,
    "event_id": Number,
    "entry_id": Number,
    "advisory_id": AdvisoryId,
    "operator": OperatorName,
    "granted": GrantedProduct,
}


def types_of(path: str) -> dict[str, object]:
    """The type of each ``{part}`` of a path."""
    return {name: TYPES[name] for name in _PART.findall(path)}


class Paths:
    """Finds doors.

    Args:
        routes: all of them.
    """

    def __init__(self, routes: Iterable["Route"]) -> None:
        self._by_shape: dict[tuple[str | None, ...], dict[str, Route]] = {}
        for route in routes:
            parts = tuple(None if _PART.fullmatch(one) else one for one in route.path.split("/"))
            self._by_shape.setdefault(parts, {})[route.method] = route

    def find(self, method: str, raw_path: bytes) -> tuple["Route", dict[str, str | int]]:
        """The door, and the values in the path.

        Raises:
            HTTPException: 404 there is none, or a value cannot be one; 405 by another method there is.
        """
        parts = raw_path.decode("latin-1").split("/")
        fitting = [one for one in self._by_shape if _fits(one, parts)]
        if not fitting:
            raise _nothing()
        # a word stands before a value: /rollouts/preview is no rollout
        methods = self._by_shape[min(fitting, key=lambda one: one.count(None))]
        route = methods.get(method)
        if route is None:
            allow = ", ".join(sorted(methods))
            headers = {"Allow": allow, "Connection": "close"}
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, f"Expected {allow}", headers)
        return route, _values(route.path, parts)


def _fits(shape: tuple[str | None, ...], parts: list[str]) -> bool:
    return len(shape) == len(parts) and all(
        one in {None, part} for one, part in zip(shape, parts, strict=True)
    )


def _values(path: str, parts: list[str]) -> dict[str, str | int]:
    values: dict[str, str | int] = {}
    for name, part in zip(path.split("/"), parts, strict=True):
        match = _PART.fullmatch(name)
        if match:
            values[match[1]] = _value(match[1], part)
    return values


def _value(name: str, part: str) -> str | int:
    try:
        text = unquote(part, errors="strict")
        value: str | int = msgspec.convert(text, TYPES[name], strict=False)
    except (msgspec.ValidationError, UnicodeDecodeError):
        raise _nothing() from None
    # 007 and 7 would be two spellings of one path
    if str(value) != text:
        raise _nothing()
    return value


def _nothing() -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, "There is nothing here")
