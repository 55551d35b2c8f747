"""What is sent: a page as packed HTML, an error as a page, the next page's address."""

import gzip
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ota_client.errors import VerificationError
from ota_server.errors import InvalidError, TooManyError
from ota_server.operators.session import SignedIn
from ota_server.web.pages.cookies import Cookies
from ota_server.web.pages.drawing import Frame, draw
from ota_server.web.pages.page import Answer, Drawn, Fields
from ota_server.web.problem import status_of

_PACK_LEAST_BYTES: Final = 500
_PACK_LEVEL: Final = 5
# where HTTP's own phrase is no plain English
_PHRASES: Final = {
    HTTPStatus.CONFLICT: "Not as things stand",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That does not fit",
}


class Reply:
    """Makes responses.

    Args:
        cookies: to keep a session and colours in.
    """

    def __init__(self, cookies: Cookies) -> None:
        self._cookies = cookies

    def to(self, request: Request, answer: Answer, frame: Frame) -> Response:
        """Send a page, or where the next one is."""
        if isinstance(answer, Drawn):
            response = page(request, draw(answer.template, answer.values, frame), answer.status)
        else:
            response = RedirectResponse(answer.to, HTTPStatus.SEE_OTHER)
        self._cookies.keep(response, answer.kept)
        return response

    def error(self, request: Request, error: Exception, status: HTTPStatus, frame: Frame) -> Response:
        """Say in one sentence what is wrong; what nobody expected is logged, and not told of."""
        is_told = status < HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(error, VerificationError)
        values = {
            "status": status.value,
            "phrase": _PHRASES.get(status, status.phrase),
            "sentence": str(error) if is_told else "",
            "back": _back(request),
        }
        if request.method != "GET":
            # there is nothing to come back to, from another choice of colours say
            frame = replace(frame, path="/", query="")
        response = page(request, draw("error", values, frame), status.value)
        if isinstance(error, TooManyError):
            response.headers["retry-after"] = str(error.retry_after_s)
        return response

    def to_sign_in(self, request: Request, now: datetime, *, is_part: bool) -> Response:
        """Send somebody to the door, and afterwards back."""
        if is_part:
            # htmx lets the page that the part belongs to go there
            return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"hx-redirect": "/sign-in"})
        if request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
            # a link in a mail: the strict cookie comes with the next request, which is one of ours
            return page(
                request,
                draw("moment", {"to": _address(request)}, self.frame(request, None, (), now)),
                200,
            )
        path = request.url.path if request.method == "GET" else "/"
        back = Fields([("next", path)]).encoded() if path != "/" else ""
        return RedirectResponse(f"/sign-in{'?' if back else ''}{back}", HTTPStatus.SEE_OTHER)

    def frame(
        self, request: Request, me: SignedIn | None, products: tuple[str, ...], now: datetime
    ) -> Frame:
        """What is around a page."""
        try:
            query = query_of(request)
        except InvalidError:
            query = Fields()
        product = query.text("product")
        return Frame(
            me=me,
            products=products,
            product=product if product in products else "",
            path=request.url.path,
            query=query.encoded(done=None),
            theme=self._cookies.theme_of(request.headers.get("cookie", "")),
            done=query.text("done"),
            now=now,
        )


def query_of(request: Request) -> Fields:
    """What stands behind the ``?``; raises InvalidError."""
    return Fields.parse(request.scope["query_string"])


def page(request: Request, html: str, status: int) -> Response:
    """HTML, packed if the browser takes that."""
    body = html.encode(errors="replace")
    headers = {"vary": "accept-encoding"}
    if len(body) >= _PACK_LEAST_BYTES and takes_gzip(request):
        body = gzip.compress(body, _PACK_LEVEL, mtime=0)
        headers["content-encoding"] = "gzip"
    return HTMLResponse(body, status, headers)


def takes_gzip(request: Request) -> bool:
    """Whether the browser says so."""
    return "gzip" in request.headers.get("accept-encoding", "")


def status_for(error: Exception) -> HTTPStatus:
    """An error's status; where devices would refuse what is published, its engineers are to act."""
    if isinstance(error, VerificationError):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return status_of(error)


def _address(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}{'?' if query else ''}{query}"


def _back(request: Request) -> str:
    """The page of ours that the visitor came from."""
    try:
        came_from = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    is_ours = came_from.netloc == request.headers.get("host") and came_from.path.startswith("/")
    is_same = came_from.path == request.url.path
    if not is_ours or is_same or came_from.path.startswith("//"):
        return "/"
    return f"{came_from.path}{'?' if came_from.query else ''}{came_from.query}"
