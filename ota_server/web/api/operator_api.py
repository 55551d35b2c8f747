"""The doors for programs: who asks, may it, what does it say; then an answer or a problem.

One transaction a request holds the change, its entry in the audit log and its idempotency key.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ota_server.errors import UnauthenticatedError
from ota_server.operations.desk import Desk, check_everywhere
from ota_server.operators import api_token
from ota_server.operators.actor import Actor
from ota_server.web.api.authentication import CHALLENGE, Credential, credential_of
from ota_server.web.api.document import DOCUMENT_NAME, document
from ota_server.web.api.idempotency import Once, Stored, once
from ota_server.web.api.parts import ApiParts
from ota_server.web.api.path import Paths
from ota_server.web.api.query import read_query
from ota_server.web.api.route import Call, Kind, Route
from ota_server.web.api.streams import Streams
from ota_server.web.api.table import ROUTES
from ota_server.web.body import read_json
from ota_server.web.limits import BODY_MOST_BYTES
from ota_server.web.metrics import Metrics
from ota_server.web.problem import problem_of
from ota_server.web.route import JSON
from ota_server.web.shapes import Shape, decode

_ENCODER: Final = msgspec.json.Encoder()
_ELSEWHERE: Final = "unknown"
_NO_STORE: Final = {"cache-control": "no-store"}
_REPLAYED: Final = {"idempotency-replayed": "true"}
_PATHS: Final = Paths(ROUTES)
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[Any]]] = {
    route.name: msgspec.json.Decoder(route.body) for route in ROUTES if route.body
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request of somebody who showed a good token.

    Attributes:
        credential: looked up again in the transaction: a body may come slowly, and rights may go.
        once: says that a repetition is to be recognised.
    """

    route: Route
    credential: Credential
    path: Mapping[str, str | int]
    query: Shape | None
    body: object
    once: Once | None
    now: datetime


class OperatorApi:
    """The ASGI door to ``/api/v1/...``.

    Args:
        parts: what it is made of.
        metrics: count requests.
    """

    def __init__(self, parts: ApiParts, metrics: Metrics) -> None:
        self._parts = parts
        self._metrics = metrics
        self._streams = Streams(parts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = _ELSEWHERE
        try:
            route, path = _PATHS.find(scope["method"], scope["raw_path"])
            name = f"api:{route.name}"
            response = await self._answer(route, path, scope, receive)
        except Exception as e:  # noqa: BLE001 - the last place: problem_of logs what nobody expected
            response = problem_of(e)
            if isinstance(e, UnauthenticatedError):
                response.headers["www-authenticate"] = CHALLENGE
        self._metrics.request(name, response.status_code)
        await response(scope, receive, send)

    async def _answer(
        self, route: Route, path: Mapping[str, str | int], scope: Scope, receive: Receive
    ) -> Response:
        parts = self._parts
        now_s = parts.monotonic()
        parts.address_rate.take(parts.peers.address(scope), now_s)
        if route.name == DOCUMENT_NAME:
            return _response(200, document())
        credential = credential_of(scope["headers"])
        now = parts.clock()
        actor = await self._actor(credential, now)
        parts.token_rate.take(credential.sha256, now_s)
        scope.setdefault("state", {})["actor"] = actor.label
        if route.everywhere and route.role:
            # a body may be long, and to read it may take its time
            check_everywhere(actor, route.role)
        query = read_query(route.query, scope["query_string"])
        if route.kind is not Kind.DOCUMENT:
            return await self._streams.answer(route, actor, credential, query, path, scope)
        raw = await read_json(scope["headers"], receive, route.most_bytes) if route.body else b""
        body: object = await _decoded(route, raw)
        if route.prepare is not None:
            body = await asyncio.to_thread(route.prepare, actor, body)
        key = _once(route, credential, scope, raw)
        asked = _Asked(route, credential, path, query, body, key, now)
        stored, is_replayed = await self._done(asked)
        return _response(stored.status, stored.body, _REPLAYED if is_replayed else {})

    async def _actor(self, credential: Credential, now: datetime) -> Actor:
        """Before the body is read: a stranger's is not."""

        def find(connection: Connection) -> tuple[Actor, bool]:
            token = credential.token
            actor = api_token.find(connection, token, now)
            return actor, api_token.use_is_due(connection, token, now)

        def note(connection: Connection) -> None:
            api_token.note_use(connection, credential.token, now)

        actor, use_is_due = await self._in_transaction(find, writes=False)
        if use_is_due:
            await self._in_transaction(note, writes=True)
        return actor

    async def _done(self, asked: _Asked) -> tuple[Stored, bool]:
        """The answer, and whether it was given before."""
        catalog = self._parts.catalog.held()
        if asked.route.reads_releases:
            # a store may be slow, and others wait for the transaction
            await asyncio.to_thread(catalog.read_ahead)

        def work(connection: Connection) -> tuple[Stored, bool]:
            actor = api_token.find(connection, asked.credential.token, asked.now)
            if asked.once and (known := asked.once.begin(connection, asked.now)):
                return known, True
            desk = Desk(connection, actor, asked.now, catalog)
            call = Call(desk, asked.path, asked.query, asked.body, self._parts)
            answer = _do(asked.route)(call)
            stored = Stored(asked.route.status.value, b"" if answer is None else _ENCODER.encode(answer))
            if asked.once:
                asked.once.finish(connection, stored.status, stored.body)
            return stored, False

        return await self._in_transaction(work, writes=asked.route.changes)

    async def _in_transaction(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        database = self._parts.database

        def transaction() -> T:
            with database.begin() if writes else database.read() as connection:
                return work(connection)

        return await database.threads.run(transaction)


async def _decoded(route: Route, raw: bytes) -> Shape | None:
    if not route.body:
        return None
    decoder = _DECODERS[route.name]
    if len(raw) > BODY_MOST_BYTES:
        # it takes its time, and devices wait for the event loop
        body: Shape = await asyncio.to_thread(decode, decoder, raw)
    else:
        body = decode(decoder, raw)
    return body


def _do(route: Route) -> Callable[[Call[Any, Any]], Shape | None]:
    if route.do is None:
        raise TypeError(f"{route.name} has nothing to do")
    return route.do


def _once(route: Route, credential: Credential, scope: Scope, raw: bytes) -> Once | None:
    if not route.takes_key:
        return None
    request = (route.method.encode(), scope["raw_path"], scope["query_string"], raw)
    return once(credential, scope["headers"], *request)


def _response(status: int, body: bytes, headers: Mapping[str, str] = {}) -> Response:
    kind = JSON if body else None
    return Response(body, status, {**_NO_STORE, **headers}, media_type=kind)
