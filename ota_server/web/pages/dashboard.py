"""The ASGI door to the dashboard: who comes, may this change be asked for, what is drawn."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ota_server.errors import ForbiddenError, NotFoundError, TooManyError, UnauthenticatedError
from ota_server.operations.desk import Desk
from ota_server.operators import session
from ota_server.operators.session import SignedIn
from ota_server.web.pages.cookies import Cookies
from ota_server.web.pages.door_threads import DoorThreads
from ota_server.web.pages.drawing import Frame
from ota_server.web.pages.guard import check_form, check_origin
from ota_server.web.pages.headers import security_headers
from ota_server.web.pages.house import House
from ota_server.web.pages.live import LISTENERS_MOST, Live
from ota_server.web.pages.page import Answer, Fields, Guest, OpenPage, Page, Visit
from ota_server.web.pages.products import products_of
from ota_server.web.pages.reply import Reply, query_of, status_for, takes_gzip
from ota_server.web.pages.static_files import static_files
from ota_server.web.pages.table import LIVE, OPEN_PAGES, PAGES, STATIC
from ota_server.web.places import PlacedResponse, Places

_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_RETRY: Final = {"retry-after": "30"}
_DOOR_THREADS: Final = 3
# in the scope's state: an asyncio.Event that the server sets when it is to stop
_CLOSING: Final = "closing"

Endpoint = Callable[[Request], Awaitable[Response]]


class Dashboard:
    """All pages, as one ASGI application.

    Args:
        house: what they are made of.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._cookies = Cookies(is_plain=house.is_plain)
        self._reply = Reply(self._cookies)
        self._live = Live(house.database, look_s=house.look_s)
        self._places = Places(LISTENERS_MOST)
        # a password's hash takes long on purpose; a provider that is silent keeps nobody from theirs
        self._doors = {asks_provider: DoorThreads(_DOOR_THREADS) for asks_provider in (False, True)}
        self._always = security_headers(is_plain=house.is_plain)
        routes = [
            Route(STATIC, _static),
            Route(LIVE, self._stream),
            *(Route(p.path, self._guarded(self._open(p)), methods=[p.method]) for p in OPEN_PAGES),
            *(Route(p.path, self._guarded(self._closed(p)), methods=[p.method]) for p in PAGES),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: self._refused})
        # A path has one spelling: no redirect from another.
        app.router.redirect_slashes = False
        self._app: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every answer carries the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.update(self._always)
                headers.setdefault("cache-control", "no-store")
                message["headers"] = headers.raw
            await send(message)

        try:
            self._house.requests.take(self._house.peers.address(scope), self._house.monotonic())
        except TooManyError as e:
            response = await self._refused(Request(scope), e)
            await response(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Exception as e:  # noqa: BLE001 - the last place: status_of logs what nobody expected
                return await self._refused(request, e)

        return guarded

    def _closed(self, page: Page) -> Endpoint:
        """A page for who is signed in."""

        async def endpoint(request: Request) -> Response:
            form = await self._form(request)
            try:
                answer, frame = await self._visited(page, request, form)
            except UnauthenticatedError:
                return self._reply.to_sign_in(request, self._house.clock(), is_part=page.is_part)
            return await asyncio.to_thread(self._reply.to, request, answer, frame)

        return endpoint

    def _open(self, page: OpenPage) -> Endpoint:
        """A page for everybody."""

        async def endpoint(request: Request) -> Response:
            house, form = self._house, await self._form(request)
            is_try = page.method == "POST" or page.asks_provider
            if is_try:
                house.sign_ins.take(house.peers.address(request.scope), house.monotonic())
            went = self._cookies.went_of(request.headers.get("cookie", ""))
            token, query = self._token(request), query_of(request)
            guest = Guest(request.path_params, query, form, house, token, went)
            try:
                run = self._doors[page.asks_provider].run if is_try else asyncio.to_thread
                answer = await run(page.work, guest)
            except UnauthenticatedError:
                return self._reply.to_sign_in(request, self._house.clock(), is_part=False)
            frame = self._reply.frame(request, None, (), house.clock())
            return await asyncio.to_thread(self._reply.to, request, answer, frame)

        return endpoint

    async def _visited(self, page: Page, request: Request, form: Fields) -> tuple[Answer, Frame]:
        """Do what is asked for, in one transaction."""
        house, now = self._house, self._house.clock()
        token, query = self._token(request), query_of(request)
        catalog = house.catalog.held()
        # a store may be slow, and others wait for the transaction
        await asyncio.to_thread(catalog.read_ahead)
        writes = page.method == "POST"

        def work() -> tuple[Answer, Frame, bool]:
            with house.database.begin() if writes else house.database.read() as connection:
                me = session.find(connection, token, now, rules=house.rules.sessions)
                if writes:
                    check_form(token, form)
                desk = Desk(connection, me.actor, now, catalog)
                answer = page.work(Visit(desk, me, token, request.path_params, query, form, house))
                frame = self._reply.frame(request, me, products_of(desk), now)
            return answer, frame, me.use_is_due

        answer, frame, use_is_due = await house.database.threads.run(work)
        # what a page fetches by itself is no use of it: one that is left open must end
        if use_is_due and not page.is_part:
            await house.database.threads.run(self._note_use, token)
        return answer, frame

    def _note_use(self, token: str) -> None:
        with self._house.database.begin() as connection:
            session.note_use(connection, token, self._house.clock())

    async def _refused(self, request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == HTTPStatus.NOT_FOUND:
            error = NotFoundError("there is no such page")
        status = status_for(error)
        # who asks too often, or of a server in trouble, gets no further look into the database
        is_calm = status < HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, TooManyError)
        frame = await self._frame_of_error(request, may_look=is_calm)
        return await asyncio.to_thread(self._reply.error, request, error, status, frame)

    async def _frame_of_error(self, request: Request, *, may_look: bool) -> Frame:
        """The navigation around an error, for who is signed in; nothing may fail here."""
        guest, token = self._reply.frame(request, None, (), self._house.clock()), self._token(request)
        if not token or not may_look:
            return guest
        try:
            return await self._frame_of(request, token)
        except Exception:  # noqa: BLE001 - a plain page says the same
            return guest

    async def _frame_of(self, request: Request, token: str) -> Frame:
        house, now = self._house, self._house.clock()
        catalog = house.catalog.held()
        await asyncio.to_thread(catalog.read_ahead)

        def work() -> Frame:
            with house.database.read() as connection:
                me = session.find(connection, token, now, rules=house.rules.sessions)
                desk = Desk(connection, me.actor, now, catalog)
                return self._reply.frame(request, me, products_of(desk), now)

        return await house.database.threads.run(work)

    async def _stream(self, request: Request) -> Response:
        """What changes, while somebody looks (live.py)."""
        house, token = self._house, self._token(request)

        def find(connection: Connection) -> SignedIn:
            return session.find(connection, token, house.clock(), rules=house.rules.sessions)

        def find_first() -> SignedIn:
            with house.database.read() as connection:
                return find(connection)

        try:
            me = await house.database.threads.run(find_first)
        except UnauthenticatedError:
            # tells an EventSource not to come again
            return Response(status_code=HTTPStatus.NO_CONTENT)
        who = me.operator.name
        try:
            self._places.take(who)
        except TooManyError:
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=_RETRY)
        closing = request.scope.get("state", {}).get(_CLOSING)
        stream = self._live.stream(lambda c: find(c).actor.products, me.actor.products, closing)
        # proxies must not wait for more of it
        headers = {"x-accel-buffering": "no"}
        media_type = "text/event-stream"
        return PlacedResponse(stream, self._places, who, media_type=media_type, headers=headers)

    async def _form(self, request: Request) -> Fields:
        """What was filled in; nothing for a request that changes nothing."""
        if request.method != "POST":
            return Fields()
        check_origin(request.headers, is_plain=self._house.is_plain)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await request.body()
        if body and kind != _FORM_TYPE:
            raise ForbiddenError(f"expected a form of this site, got {kind[:80]!r}")
        return Fields.parse(body)

    def _token(self, request: Request) -> str:
        return self._cookies.session_of(request.headers.get("cookie", ""))


async def _static(request: Request) -> Response:
    for file in static_files().values():
        if file.path == request.url.path:
            return file.answer(takes_gzip=takes_gzip(request))
    raise HTTPException(HTTPStatus.NOT_FOUND)
