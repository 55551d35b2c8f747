"""What a client may cost the server: requests at a time, and each one's size (B07)."""

from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ota_server.web.problem import problem, unavailable

_URL_LONGEST = 2048
# No door but that of uploads takes more; what is not read stands in the way of the next request.
BODY_MOST_BYTES = 64 * 1024
_CLOSE = {"connection": "close"}


class Limits:
    """Refuses what is too much, before the application sees it.

    Args:
        app: the application.
        requests_most: requests at a time; more get 503 and when to try again.
        takes_bodies: whether it takes any.
        body_most_bytes: of one.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        requests_most: int,
        takes_bodies: bool = False,
        body_most_bytes: int = BODY_MOST_BYTES,
    ) -> None:
        self._app = app
        self._requests_most = requests_most
        self._takes_bodies = takes_bodies
        self._body_most_bytes = body_most_bytes
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if self._requests >= self._requests_most:
            await unavailable("The server is busy.")(scope, receive, send)
            return
        if len(scope["raw_path"]) + len(scope["query_string"]) > _URL_LONGEST:
            await problem(HTTPStatus.REQUEST_URI_TOO_LONG, f"At most {_URL_LONGEST} bytes.")(
                scope, receive, send
            )
            return
        refused = self._refused_body(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return

        self._requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests -= 1

    def _refused_body(self, scope: Scope) -> Response | None:
        """Refuse a body that is too long, or does not say how long it is; closing spares reading it."""
        length, chunked = 0, False
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                chunked = True
        if not length and not chunked:
            return None
        if not self._takes_bodies:
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "No body is taken here.", _CLOSE)
        if chunked:
            return problem(HTTPStatus.LENGTH_REQUIRED, "Expected a Content-Length.", _CLOSE)
        if length > self._body_most_bytes:
            detail = f"Expected a body of at most {self._body_most_bytes} bytes."
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, _CLOSE)
        return None
