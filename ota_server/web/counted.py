"""Counts the requests for files and health, by the first part of their path if it is one of ours."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ota_server.web.metrics import Metrics

_ELSEWHERE = "unknown"


class Counted:
    """Counts each request when it ends.

    Args:
        app: answers them.
        metrics: count them.
        known: first parts of paths, such as ``targets``.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, known: Iterable[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._known = frozenset(known)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, and count it."""
        status = 500

        async def noting_send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        finally:
            first = scope["raw_path"].decode("latin-1").split("/", 2)[1:2]
            name = first[0] if first and first[0] in self._known else _ELSEWHERE
            self._metrics.request(name, status)
