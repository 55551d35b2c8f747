"""The routes of the device API: one table, which answers requests and from which its schema is made."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec

from ota_client import protocol
from ota_server.web import shapes
from ota_server.web.openapi import Api
from ota_server.web.route import Json
from ota_server.web.route import Route as AnyRoute

OPENAPI: Final = f"{protocol.PREFIX}/openapi.json"

_LARGE_BYTES: Final = 64 * 1024
_OF_DEVICES: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

API: Final = Api(
    "Ratchet device API",
    "What devices and the update server say to each other. Who the device is, its client certificate "
    "says (mutual TLS); only enrolment by a token goes without. An assignment is a hint: the device "
    "verifies the release by its signatures.",
    {"device": {"type": "mutualTLS"}},
)


@dataclass(frozen=True, slots=True)
class Route(AnyRoute):
    """A door of the device API; its name is the handler's.

    Attributes:
        of_devices: only for enrolled devices, by their certificate.
    """

    of_devices: bool = True

    @property
    def refusals(self) -> tuple[HTTPStatus, ...]:
        """For who is no device, or one that was revoked."""
        return _OF_DEVICES if self.of_devices else ()

    @property
    def security(self) -> list[Json]:
        """A client certificate."""
        return [{"device": []}] if self.of_devices else [{}, {"device": []}]


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
