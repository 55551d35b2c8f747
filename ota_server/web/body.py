"""A request's body, read within its bound (B07); how long it may take, connections.py says."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Receive

_JSON: Final = b"application/json"
# What is not read would stand in the way of the next request.
_CLOSE: Final = {"Connection": "close"}


async def read_json(headers: Iterable[tuple[bytes, bytes]], receive: Receive, most_bytes: int) -> bytes:
    """Read the whole body of a request that says it is JSON.

    Raises:
        HTTPException: 415 it says something else, 413 it has more than ``most_bytes``, 400 the client
            has gone.
    """
    _check(headers, most_bytes)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        pieces = bytearray(body)
        while message.get("more_body") and len(pieces) <= most_bytes:
            message = await receive()
            pieces += message.get("body", b"")
        body = bytes(pieces)
    if len(body) > most_bytes:
        raise _too_large(most_bytes)
    if message["type"] != "http.request":
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The body ended early", _CLOSE)
    return body


def _check(headers: Iterable[tuple[bytes, bytes]], most_bytes: int) -> None:
    content_type = b""
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"content-length" and int(value) > most_bytes:
            raise _too_large(most_bytes)
    if content_type != _JSON and content_type.partition(b";")[0].strip().lower() != _JSON:
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Expected Content-Type: application/json", _CLOSE
        )


def _too_large(most_bytes: int) -> HTTPException:
    detail = f"Expected a body of at most {most_bytes} bytes"
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, _CLOSE)
