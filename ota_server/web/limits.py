"""What a client may cost the server: requests at a time, and each one's size (B07)."""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from ota_server.web.problem import problem, unavailable

_URL_LONGEST = 2048


class Limits:
    """Refuses what is too much, before the application sees it.

    Args:
        app: the application.
        requests_most: requests at a time; more get 503 and when to try again.
    """

    def __init__(self, app: ASGIApp, *, requests_most: int) -> None:
        self._app = app
        self._requests_most = requests_most
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
        if _has_body(scope["headers"]):
            # Closing spares reading the body.
            response = problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "No body is taken here.", {"connection": "close"}
            )
            await response(scope, receive, send)
            return

        self._requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests -= 1


def _has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0")
        for name, value in headers
    )
