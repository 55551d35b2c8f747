"""What people reach without signing in: a feed by its token, and the link that ends mails.

Tokens stand in the query, which no log has; and no page is told where its reader came from.
"""

import html
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ota_client.errors import OtaError
from ota_server.database.database import Database
from ota_server.errors import TooManyError
from ota_server.notify import atom
from ota_server.notify.mail import UNSUBSCRIBE
from ota_server.notify.means import Sealer
from ota_server.notify.unsubscribe import Link, unsubscribe
from ota_server.web.peer import NoPeers, PeerSource
from ota_server.web.problem import HANDLERS, not_found, problem_of
from ota_server.web.rates import AddressRate

FEEDS: Final = "/feeds"
_TOKEN_LONGEST: Final = 512
# of one address: a reader looks a few times an hour
_REQUESTS_A_MINUTE: Final = 120
_HEADERS: Final = {
    "cache-control": "private, no-cache",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
}
_PAGE: Final = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<title>Notifications</title><h1>Notifications</h1>{}</html>
"""
_ASK: Final = """<p>No more mails of this subscription?</p>
<form method="post" action="{}"><button>End it</button></form>"""
_DONE: Final = "<p>The subscription {} is paused. An operator can resume it.</p>"


def _now() -> datetime:
    return datetime.now(UTC)


class Feeds:
    """``/feeds`` and ``/unsubscribe``.

    Args:
        database: of the fleet.
        sealer: made the links in mails.
        url: of the server, without a slash at the end.
        peers: tells which address a request came from.
        clock: UTC.
        monotonic: seconds.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        url: str,
        *,
        peers: PeerSource | None = None,
        clock: Callable[[], datetime] = _now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._url = url
        self._peers = peers or NoPeers()
        self._clock = clock
        self._monotonic = monotonic
        self._rate = AddressRate(_REQUESTS_A_MINUTE)

    def app(self) -> Starlette:
        """The doors."""
        routes = [
            Route(FEEDS, self._feed, methods=["GET"]),
            Route(UNSUBSCRIBE, self._ask, methods=["GET"]),
            Route(UNSUBSCRIBE, self._unsubscribe, methods=["POST"]),
        ]
        made = Starlette(routes=routes, exception_handlers={**HANDLERS, TooManyError: _on_too_many})
        made.router.redirect_slashes = False
        return made

    async def _feed(self, request: Request) -> Response:
        self._count(request)
        document = await self._database.threads.run(self._document, _token(request))
        if document is None:
            return not_found()
        tag = atom.tag(document)
        headers = {**_HEADERS, "etag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(None, HTTPStatus.NOT_MODIFIED.value, headers)
        return Response(document, headers=headers, media_type="application/atom+xml")

    def _document(self, token: str) -> bytes | None:
        with self._database.read() as connection:
            found = atom.feed_of(connection, token)
            return atom.feed(connection, found, url=self._url) if found else None

    async def _ask(self, request: Request) -> Response:
        # programs that look at links in mails change nothing: RFC 8058, 3.1
        link = f"{UNSUBSCRIBE}?token={quote(_token(request))}"
        return HTMLResponse(_PAGE.format(_ASK.format(html.escape(link))), headers=_HEADERS)

    async def _unsubscribe(self, request: Request) -> Response:
        self._count(request)
        try:
            name = await self._database.threads.run(self._end, _token(request))
        except OtaError:
            # whoever guesses learns nothing
            return not_found()
        return HTMLResponse(_PAGE.format(_DONE.format(html.escape(name))), headers=_HEADERS)

    def _count(self, request: Request) -> None:
        """Before anything is looked up (B07)."""
        self._rate.take(self._peers.address(request.scope), self._monotonic())

    def _end(self, token: str) -> str:
        link = Link.opened(token, self._sealer)
        with self._database.begin() as connection:
            return unsubscribe(connection, link, now=self._clock())


async def _on_too_many(_request: Request, error: Exception) -> Response:
    return problem_of(error)


def _token(request: Request) -> str:
    return request.query_params.get("token", "")[:_TOKEN_LONGEST]
