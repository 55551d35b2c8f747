"""Answers that go on: whole lists, one object a line, and events as they happen (server-sent events).

Each part is a transaction of its own, and the token is looked up for it anew: one that is withdrawn ends
what it began.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import Scope

from ota_server.errors import DatabaseUnavailableError, UnauthenticatedError
from ota_server.operations.desk import Desk
from ota_server.operators import api_token
from ota_server.operators.actor import Actor
from ota_server.web.api.authentication import Credential
from ota_server.web.api.paging import Part
from ota_server.web.api.parts import ApiParts
from ota_server.web.api.route import Call, Kind, Route
from ota_server.web.api.shapes.events import EventAnswer
from ota_server.web.places import PlacedResponse, Places
from ota_server.web.shapes import FieldError, Shape

LINES: Final = "application/jsonl"
EVENTS: Final = "text/event-stream"
# in the scope's state: an asyncio.Event that the server sets when it is to stop
CLOSING: Final = "closing"

_ENCODER: Final = msgspec.json.Encoder()
# proxies must not wait for more of it
_UNBUFFERED: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
_RETRY: Final = b"retry: 5000\n\n"
# after so many looks without an event something is sent, so that a dead connection is found
_QUIET_LOOKS_MOST: Final = 15
_KEEP_ALIVE: Final = b": nothing new\n\n"
_LAST_EVENT_ID: Final = b"last-event-id"
_POSITION_LONGEST: Final = 10


class Streams:
    """Makes such answers.

    Args:
        parts: what the API is made of.
    """

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        # apart: who follows for hours is not in the way of who takes a list
        self._places = {kind: Places(parts.streams_most) for kind in (Kind.LINES, Kind.EVENTS)}

    async def answer(
        self,
        route: Route,
        actor: Actor,
        credential: Credential,
        query: Shape | None,
        path: Mapping[str, str | int],
        scope: Scope,
    ) -> Response:
        """Begin one; what is refused is refused before its first byte."""
        source = _Source(self._parts, route, credential, query, path)
        # a person's tokens count together
        who = str(actor.operator_id or actor.label)
        places = self._places[route.kind]
        places.take(who)
        try:
            content, media_type = await self._begun(route, source, scope)
        except BaseException:
            places.give_back(who)
            raise
        return PlacedResponse(content, places, who, media_type=media_type, headers=_UNBUFFERED)

    async def _begun(
        self, route: Route, source: "_Source", scope: Scope
    ) -> tuple[AsyncIterator[bytes], str]:
        if route.kind is Kind.LINES:
            return _lines(source, await source.part(None)), LINES
        first = await source.part(_last_event_id(scope))
        closing = scope.get("state", {}).get(CLOSING) or asyncio.Event()
        return self._events(source, first, closing), EVENTS

    async def _events(
        self, source: "_Source", part: Part, closing: asyncio.Event
    ) -> AsyncIterator[bytes]:
        try:
            yield _RETRY
            quiet = 0
            while True:
                yield b"".join(map(_event, part.items))
                if closing.is_set():
                    return
                quiet = 0 if part.items else quiet + 1
                if quiet >= _QUIET_LOOKS_MOST:
                    quiet = 0
                    yield _KEEP_ALIVE
                await _wait(closing, self._parts.look_s)
                part = await _next(source, part)
        except UnauthenticatedError:
            # the client asks again, and hears why
            return


class _Source:
    """Asks for one part after the other."""

    def __init__(
        self,
        parts: ApiParts,
        route: Route,
        credential: Credential,
        query: Shape | None,
        path: Mapping[str, str | int],
    ) -> None:
        self._parts = parts
        self._route = route
        self._credential = credential
        self._query = query
        self._path = path

    async def part(self, after: str | None) -> Part:
        """The part that begins there; None for the first."""
        return await self._parts.database.threads.run(self._read, after)

    def _read(self, after: str | None) -> Part:
        parts, now = self._parts, self._parts.clock()
        with parts.database.read() as connection:
            actor = api_token.find(connection, self._credential.token, now)
            desk = Desk(connection, actor, now, parts.catalog.held())
            call = Call(desk, self._path, self._query, None, parts, after)
            part = self._route.do(call) if self._route.do else None
        if not isinstance(part, Part):
            raise TypeError(f"{self._route.name}: expected a part of a list to go on with")
        return part


async def _lines(source: _Source, part: Part) -> AsyncIterator[bytes]:
    while True:
        yield b"".join(_ENCODER.encode(item) + b"\n" for item in part.items)
        if part.after is None:
            return
        part = await source.part(part.after)


async def _next(source: _Source, last: Part) -> Part:
    """The part behind another; nothing is new while the database cannot answer."""
    try:
        return await source.part(last.after)
    except DatabaseUnavailableError:
        return Part([], last.after)


def _event(event: EventAnswer) -> bytes:
    head = f"id: {event.id}\nevent: {event.kind}\ndata: ".encode()
    return head + _ENCODER.encode(event) + b"\n\n"


async def _wait(closing: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(closing.wait(), seconds)
    except TimeoutError:
        return


def _last_event_id(scope: Scope) -> str | None:
    """What a client that comes again says of itself; it goes before what the address says."""
    shown = [value.decode("latin-1") for name, value in scope["headers"] if name == _LAST_EVENT_ID]
    text = shown[-1] if shown else ""
    if text and not (text.isascii() and text.isdigit() and len(text) <= _POSITION_LONGEST):
        raise FieldError("Last-Event-ID", "Expected the id of an event.")
    return text or None
