"""The routes of the device API: one table, which answers requests and from which its schema is made."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec

from ota_client import protocol
from ota_server.web import shapes

OPENAPI: Final = f"{protocol.PREFIX}/openapi.json"

_SMALL_BYTES: Final = 16 * 1024
_LARGE_BYTES: Final = 64 * 1024
_OF_ALL: Final = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_OF_DEVICES: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_OF_BODIES: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.LENGTH_REQUIRED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


@dataclass(frozen=True, slots=True)
class Route:
    """A door.

    Attributes:
        name: of the handler, and of the operation in the schema.
        summary: what it is for.
        status: of the good answer.
        body: the shape of what is sent; None if nothing is.
        answer: the shape of what is answered; None if nothing is.
        most_bytes: of the body.
        of_devices: only for enrolled devices, by their certificate.
        further: statuses that only this one gives.
    """

    method: str
    path: str
    name: str
    summary: str
    status: HTTPStatus = HTTPStatus.OK
    body: type[shapes.Shape] | None = None
    answer: type[shapes.Shape] | None = None
    most_bytes: int = _SMALL_BYTES
    of_devices: bool = True
    further: tuple[HTTPStatus, ...] = ()

    @property
    def problems(self) -> tuple[HTTPStatus, ...]:
        """Every status that is no success."""
        who = _OF_DEVICES if self.of_devices else ()
        what = _OF_BODIES if self.body else ()
        return tuple(sorted({*who, *what, *_OF_ALL, *self.further}))


ROUTES: Final = (
    Route(
        "POST",
        protocol.ENROL,
        "enrol",
        "Become known, by an operator's token or a factory's certificate; get a certificate.",
        status=HTTPStatus.CREATED,
        body=shapes.EnrolBody,
        answer=shapes.EnrolmentAnswer,
        of_devices=False,
        further=(HTTPStatus.FORBIDDEN,),
    ),
    Route(
        "POST",
        protocol.RENEW,
        "renew",
        "Get a new certificate for the same key.",
        body=shapes.RenewBody,
        answer=shapes.EnrolmentAnswer,
    ),
    Route(
        "POST",
        protocol.CHECK_IN,
        "check_in",
        "Say what runs; hear what is to be done, and when to come again.",
        body=shapes.CheckInBody,
        answer=shapes.CheckInAnswer,
    ),
    Route(
        "GET",
        protocol.ASSIGNMENT,
        "assignment",
        "Hear again what is assigned and not yet answered.",
        answer=shapes.AssignmentAnswer,
        further=(HTTPStatus.NOT_FOUND,),
    ),
    Route(
        "POST",
        protocol.REPORTS,
        "reports",
        "Tell what became of a release; each report is counted once.",
        body=shapes.ReportsBody,
        answer=shapes.AcceptedAnswer,
        most_bytes=_LARGE_BYTES,
    ),
    Route(
        "PUT",
        protocol.ATTRIBUTES,
        "attributes",
        "Replace attributes and slots.",
        status=HTTPStatus.NO_CONTENT,
        body=shapes.AttributesBody,
        most_bytes=_LARGE_BYTES,
    ),
    Route(
        "GET",
        OPENAPI,
        "openapi",
        "This schema.",
        of_devices=False,
    ),
)

DECODERS: Final = {
    route.path: msgspec.json.Decoder(route.body) for route in ROUTES if route.body is not None
}
