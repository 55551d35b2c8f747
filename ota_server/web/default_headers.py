"""Headers of every answer that does not say otherwise itself."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class DefaultHeaders:
    """Adds headers to answers; the server's own option would send those twice that an answer has.

    Args:
        app: answers.
        headers: lower-case names, and values.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = tuple((name.encode(), value.encode()) for name, value in headers.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""

        async def adding_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = list(message.get("headers", ()))
                names = {name for name, _ in said}
                missing = [header for header in self._headers if header[0] not in names]
                message = {**message, "headers": said + missing}
            await send(message)

        await self._app(scope, receive, adding_send)
