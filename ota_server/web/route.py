"""A door of one of the two APIs: from a table of these requests are answered and schemas made."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from ota_server.web.shapes import Shape

JSON: Final = "application/json"

_SMALL_BYTES: Final = 16 * 1024
_OF_ALL: Final = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_OF_BODIES: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.LENGTH_REQUIRED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Route:
    """A door.

    Attributes:
        name: of the operation in the schema.
        summary: what it is for.
        status: of the good answer.
        body: the shape of what is sent; None if nothing is.
        answer: the shape of what is answered; None if nothing is.
        most_bytes: of the body.
        further: statuses that only this one gives.
        media_type: of the good answer.
    """

    method: str
    path: str
    name: str
    summary: str
    status: HTTPStatus = HTTPStatus.OK
    body: type[Shape] | None = None
    answer: type[Shape] | None = None
    most_bytes: int = _SMALL_BYTES
    further: tuple[HTTPStatus, ...] = ()
    media_type: str = JSON

    @property
    def problems(self) -> tuple[HTTPStatus, ...]:
        """Every status that is no success."""
        what = _OF_BODIES if self.body else ()
        return tuple(sorted({*self.refusals, *what, *_OF_ALL, *self.further}))

    @property
    def refusals(self) -> tuple[HTTPStatus, ...]:
        """The statuses by which who asks is turned away."""
        return ()

    @property
    def security(self) -> list[Json]:
        """The ways to show who asks, as OpenAPI's security requirements."""
        return []

    @property
    def query(self) -> type[Shape] | None:
        """The shape of what may stand behind the path's ``?``."""
        return None

    @property
    def path_types(self) -> dict[str, object]:
        """The type of each ``{part}`` of the path."""
        return {}

    @property
    def headers(self) -> list[Json]:
        """The headers that it looks at, as OpenAPI's parameters."""
        return []
