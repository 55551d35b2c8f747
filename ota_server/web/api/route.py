"""A door of the operator API, and what comes through it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

from ota_server.operations.desk import Desk
from ota_server.operators.actor import Actor, Role
from ota_server.web.api.parts import ApiParts
from ota_server.web.api.path import types_of
from ota_server.web.route import Json
from ota_server.web.route import Route as AnyRoute
from ota_server.web.shapes import Shape

PREFIX: Final = "/api/v1"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
KEY_PATTERN: Final = r"^[!-~]{1,64}$(?!\n)"

_GONE_OR_FOREIGN: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
_OF_CHANGES: Final = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)

Q = TypeVar("Q")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One request, understood.

    Attributes:
        desk: who asks, over which transaction.
        path: the values in the path, by their names.
        query: what stood behind the path's ``?``.
        body: what was sent.
        parts: what else the server has.
        after: of what is answered in parts, where this part begins; None for the first.
    """

    desk: Desk
    path: Mapping[str, str | int]
    query: Q
    body: B
    parts: ApiParts
    after: str | None = None

    def text(self, name: str) -> str:
        """A value in the path that is a text."""
        return str(self.path[name])

    def number(self, name: str) -> int:
        """A value in the path that is a number."""
        return int(self.path[name])


class Kind(Enum):
    """In which form is answered."""

    # one JSON document
    DOCUMENT = auto()
    # a whole list, one JSON document a line
    LINES = auto()
    # server-sent events
    EVENTS = auto()


@dataclass(frozen=True, slots=True)
class Route(AnyRoute):
    """A door of the operator API.

    Attributes:
        do: calls the operation; None for what the API itself answers.
        query: the shape of what may stand behind the path's ``?``.
        role: the least one that the operation asks for, here said for readers; None without a token.
        everywhere: the role must be held for all products.
        changes: it changes something, so it has a transaction that writes.
        reads_releases: it asks the catalog, which is best read before the transaction begins.
        prepare: makes of the body what ``do`` gets in its place, before the transaction begins: what
            takes its time. It is told who asks.
        kind: in which form is answered.
    """

    do: Callable[[Call[Any, Any]], Shape | None] | None = None
    query: type[Shape] | None = None
    role: Role | None = Role.VIEWER
    everywhere: bool = False
    changes: bool = False
    reads_releases: bool = False
    prepare: Callable[[Actor, Any], object] | None = None
    kind: Kind = Kind.DOCUMENT

    @property
    def takes_key(self) -> bool:
        """Whether a repetition is recognised by its ``Idempotency-Key``."""
        return self.changes and self.method == "POST"

    @property
    def refusals(self) -> tuple[HTTPStatus, ...]:
        """For who shows no good token, may not do it, or names what is not there."""
        if self.role is None:
            return ()
        asked = _GONE_OR_FOREIGN if self.path_types or self.query else ()
        done = _OF_CHANGES if self.changes else ()
        return (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, *asked, *done)

    @property
    def security(self) -> list[Json]:
        """An API token."""
        return [{"token": []}] if self.role else []

    @property
    def path_types(self) -> dict[str, object]:
        """The type of each ``{part}`` of the path."""
        return types_of(self.path)

    @property
    def headers(self) -> list[Json]:
        """The headers that it looks at."""
        if self.kind is Kind.EVENTS:
            schema: Json = {"type": "string", "pattern": r"^[0-9]{1,10}$(?!\n)"}
            return [_header("Last-Event-ID", "The last event that you have.", schema)]
        if self.takes_key:
            text = "The same key with the same request gets the same answer, for 24 hours."
            return [_header(IDEMPOTENCY_KEY, text, {"type": "string", "pattern": KEY_PATTERN})]
        return []


def _header(name: str, description: str, schema: Json) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": schema,
    }
