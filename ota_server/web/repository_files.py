"""Signed files over HTTP: whole or by Range, with validators and cache headers.

This trusts nothing and decides nothing about updates: devices verify every byte.
"""

import asyncio
import logging
from contextlib import closing
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ota_server.errors import PublishedFolderError
from ota_server.files.name import cache_control, is_immutable, media_type
from ota_server.files.store import FileStore, StoredFile
from ota_server.web.problem import problem
from ota_server.web.ranges import Span, UnsatisfiableRangeError, Validators, parse_range

_log = logging.getLogger(__name__)

_METHODS = {"GET", "HEAD"}
_TAG_DIGITS = 32


class RepositoryFiles:
    """The ASGI door to ``/metadata/...`` and ``/targets/...``.

    Args:
        store: holds the published files.
    """

    def __init__(self, store: FileStore) -> None:
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            HTTPException: the method is neither GET nor HEAD.
            NotPublishedError: there is no such file.
            PublishedFolderError: it cannot be read.
        """
        if scope["method"] not in _METHODS:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET, HEAD"})
        # As it came: nothing is decoded, so that no second spelling of a name exists (A27).
        name = scope["raw_path"].decode("latin-1").removeprefix("/")
        with closing(await self._store.open(name)) as file:
            answer = await _answer(Request(scope), name, file)
            await answer(scope, receive, send)


async def _answer(request: Request, name: str, file: StoredFile) -> ASGIApp:
    headers = _headers(name, file)
    validators = Validators(headers["etag"], file.modified_s)
    if _is_unchanged(request, validators):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        span = _wanted(request, validators, file.size_bytes)
    except UnsatisfiableRangeError:
        return _unsatisfiable(file.size_bytes)
    # A signed address is for one method.
    if request.method == "GET" and (address := await file.address()):
        return _elsewhere(address)
    return _FileResponse(file, headers, span)


def _elsewhere(address: str) -> Response:
    # The client asks there with the same Range. The address is valid for minutes: nobody may keep it.
    headers = {"location": address, "cache-control": "no-store"}
    return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)


def _headers(name: str, file: StoredFile) -> dict[str, str]:
    headers = {
        # half a sha256 tells contents apart as well, and each device gets this at each check
        "etag": f'"{file.tag[:_TAG_DIGITS]}"',
        "cache-control": cache_control(name),
        "accept-ranges": "bytes",
        "content-type": media_type(name),
    }
    if is_immutable(name):
        # seconds are too coarse for what is replaced under one name
        headers["last-modified"] = Validators("", file.modified_s).last_modified
    return headers


def _is_unchanged(request: Request, validators: Validators) -> bool:
    get = request.headers.get
    return validators.is_unchanged(get("if-none-match"), get("if-modified-since"))


def _wanted(request: Request, validators: Validators, size_bytes: int) -> Span | None:
    header = request.headers.get("range")
    # Range is defined for GET alone (RFC 9110, section 14.2).
    if header is None or request.method != "GET":
        return None
    if not validators.keeps_range(request.headers.get("if-range")):
        return None
    return parse_range(header, size_bytes)


def _unsatisfiable(size_bytes: int) -> Response:
    return problem(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        f"The file has {size_bytes} bytes.",
        {"content-range": f"bytes */{size_bytes}"},
    )


class _FileResponse:
    """Sends a file, or a span of it, in pieces."""

    def __init__(self, file: StoredFile, headers: dict[str, str], span: Span | None) -> None:
        self._file = file
        self._span = span or Span(0, file.size_bytes)
        self._status = HTTPStatus.OK if span is None else HTTPStatus.PARTIAL_CONTENT
        self._headers = {**headers, "content-length": str(self._span.size_bytes)}
        if span is not None:
            self._headers["content-range"] = f"bytes {span.start}-{span.stop - 1}/{file.size_bytes}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = [(name.encode(), value.encode("latin-1")) for name, value in self._headers.items()]
        start, stop = self._span.start, self._span.stop
        # Before the status: as long as nothing is sent, a store that fails is a 503.
        piece = await self._read(start) if start < stop and scope["method"] != "HEAD" else b""
        await send({"type": "http.response.start", "status": self._status.value, "headers": head})
        if piece and start + len(piece) < stop:
            await self._send_rest(piece, receive, send)
        else:
            await send({"type": "http.response.body", "body": piece})

    async def _read(self, start: int) -> bytes:
        return await self._file.read(start, self._span.stop - start)

    async def _send_rest(self, piece: bytes, receive: Receive, send: Send) -> None:
        """Send from the first piece on; end early, without the last one, if either side fails."""
        gone = asyncio.ensure_future(_client_gone(receive))
        start = self._span.start + len(piece)
        try:
            while start < self._span.stop:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                # Sending to nobody succeeds at once: without this the whole file would be read for it.
                if gone.done():
                    return
                piece = await self._read(start)
                start += len(piece)
            await send({"type": "http.response.body", "body": piece})
        except PublishedFolderError as e:
            # The status is out: all that is left is to break off, which uvicorn does.
            _log.error("%s", e)
        finally:
            gone.cancel()


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
