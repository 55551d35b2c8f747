"""One line a request: who, what, how much. No query, no header: those may carry secrets."""

import logging
import time
from collections.abc import Callable
from itertools import count
from secrets import token_hex

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ota_server.logs import request_id
from ota_server.web.peer import PeerSource

_log = logging.getLogger("ota_server.access")


class AccessLog:
    """Logs each request when it ends.

    Args:
        app: the application.
        peers: tell the client's address: what a proxy says of it counts only if it is ours (B14).
        clock: monotonic seconds.
    """

    def __init__(
        self, app: ASGIApp, peers: PeerSource, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._peers = peers
        self._clock = clock
        # of this process: several write into one log
        self._process = token_hex(4)
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and log it; what others log meanwhile gets its number too."""
        request_id.set(f"{self._process}-{next(self._numbers)}")
        began_s = self._clock()
        status, sent_bytes = 0, 0

        async def counted_send(message: Message) -> None:
            nonlocal status, sent_bytes
            status = message.get("status", status)
            await send(message)
            sent_bytes += len(message.get("body", b""))

        try:
            await self._app(scope, receive, counted_send)
        finally:
            fields = {
                "client": self._peers.address(scope),
                "method": scope["method"],
                "path": scope["raw_path"].decode("latin-1"),
                "status": status,
                "sent_bytes": sent_bytes,
                "duration_s": round(self._clock() - began_s, 3),
            }
            state = scope.get("state", {})
            for field, name in (("device", "device_id"), ("actor", "actor")):
                if name in state:
                    fields[field] = state[name]
            text = "%(client)s %(method)s %(path)s %(status)s %(sent_bytes)s B %(duration_s)s s"
            _log.info(text, fields, extra={"fields": fields})
