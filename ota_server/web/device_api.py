"""The doors for devices: who is it, may it, what does it say; then an answer or a problem.

Not on Starlette's router and requests: they would cost as much as a whole check-in.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from ota_server.checkin.check_in import Pace
from ota_server.checkin.lookup import CheckInLookup, Found
from ota_server.database.database import Database
from ota_server.devices.authority import DeviceAuthority
from ota_server.devices.identity import key_sha256
from ota_server.errors import (
    DatabaseUnavailableError,
    RevokedError,
    UnauthenticatedError,
    UnknownDeviceError,
)
from ota_server.rollouts.penalty import FleetRules
from ota_server.web import openapi
from ota_server.web.body import read_json
from ota_server.web.device_answers import Caller, DeviceAnswers
from ota_server.web.device_routes import API, DECODERS, ROUTES, Route
from ota_server.web.metrics import Metrics
from ota_server.web.peer import PeerSource
from ota_server.web.problem import problem_of
from ota_server.web.rates import Rates
from ota_server.web.shapes import Shape, decode

_ROUTES: Final[Mapping[bytes, Mapping[str, Route]]] = {
    path.encode(): {route.method: route for route in ROUTES if route.path == path}
    for path in {route.path for route in ROUTES}
}
_ENCODER: Final = msgspec.json.Encoder()
_ELSEWHERE: Final = "unknown"
_NO_STORE: Final = (b"cache-control", b"no-store")
_JSON: Final = (b"content-type", b"application/json")

Handler = Callable[[Caller, Any], Awaitable[Shape | None]]


@dataclass(frozen=True, slots=True)
class FleetParts:
    """What the device API is made of.

    Attributes:
        lookup: to be opened in the event loop before the first request, and closed after the last.
        peers: tells whose certificate a request came with.
        authority: certifies devices' keys.
        pace: how often devices are to come.
        rules: of the penalty box.
        rates: how often one may ask.
        clock: UTC.
        monotonic: seconds.
    """

    database: Database
    lookup: CheckInLookup
    peers: PeerSource
    authority: DeviceAuthority
    pace: Pace
    rules: FleetRules
    rates: Rates
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic


class DeviceApi:
    """The ASGI door to ``/device/v1/...``.

    Args:
        parts: what it is made of.
        metrics: count requests.
    """

    def __init__(self, parts: FleetParts, metrics: Metrics) -> None:
        self._parts = parts
        self._metrics = metrics
        self._answers = answers = DeviceAnswers(
            parts.database, parts.lookup, parts.authority, parts.pace, parts.rules, metrics
        )
        self._handlers: Mapping[str, Handler] = {
            "renew": answers.renew,
            "check_in": answers.check_in,
            "assignment": answers.assignment,
            "reports": answers.reports,
            "attributes": answers.attributes,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began_s = self._parts.monotonic()
        name = _ELSEWHERE
        try:
            route = _route(scope)
            name = route.name
            body = await self._answer(route, scope, receive, began_s)
            status: int = route.status.value
            await _send(send, status, body)
        except Exception as e:  # noqa: BLE001 - the last place: problem_of logs what nobody expected
            if isinstance(e, DatabaseUnavailableError):
                self._metrics.database_error()
            response = problem_of(e)
            status = response.status_code
            await response(scope, receive, send)
        self._metrics.request(name, status)
        self._metrics.took(name, self._parts.monotonic() - began_s)

    async def _answer(self, route: Route, scope: Scope, receive: Receive, now_s: float) -> bytes | None:
        parts = self._parts
        address = parts.peers.address(scope)
        parts.rates.take_address(address, now_s)
        now = parts.clock()
        if route.name == "openapi":
            return _document()
        if route.name == "enrol":
            parts.rates.take_enrolment(address, now_s)
            body = await _read(route, scope, receive)
            answer: Shape | None = await self._answers.enrol(
                body, parts.peers.certificate_der(scope), now
            )
        else:
            key, device = await self._device(scope, now_s)
            body = await _read(route, scope, receive) if route.body else None
            answer = await self._handlers[route.name](Caller(device, key, now), body)
        return None if answer is None else _ENCODER.encode(answer)

    async def _device(self, scope: Scope, now_s: float) -> tuple[str, Found]:
        """Whose request this is, by the key that the connection has proved (B03)."""
        parts = self._parts
        der = parts.peers.certificate_der(scope)
        if der is None:
            raise UnauthenticatedError("expected a client certificate, got none that can be believed")
        key = key_sha256(der)
        parts.rates.take_device(key, now_s)
        device = await parts.lookup.find(key)
        if device is None:
            if await parts.lookup.is_denied(key):
                raise RevokedError("this device's key must not come back")
            raise UnknownDeviceError("no enrolled device has this certificate's key")
        if device.denied:
            raise RevokedError("this device was revoked: it needs an operator")
        scope.setdefault("state", {})["device_id"] = device.device_id
        return key, device


def _route(scope: Scope) -> Route:
    # As it came: a path has one spelling.
    methods = _ROUTES.get(scope["raw_path"])
    if methods is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is nothing here")
    route = methods.get(scope["method"])
    if route is None:
        allow = ", ".join(sorted(methods))
        raise HTTPException(
            HTTPStatus.METHOD_NOT_ALLOWED, f"Expected {allow}", {"Allow": allow, "Connection": "close"}
        )
    return route


async def _read(route: Route, scope: Scope, receive: Receive) -> Any:  # noqa: ANN401 - the route's shape
    data = await read_json(scope["headers"], receive, route.most_bytes)
    return decode(DECODERS[route.path], data)


async def _send(send: Send, status: int, body: bytes | None) -> None:
    headers = [_NO_STORE]
    if body is not None:
        headers += (_JSON, (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body or b""})


@lru_cache(1)
def _document() -> bytes:
    return openapi.document(API, ROUTES)
