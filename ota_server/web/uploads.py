"""The doors for uploads, ``/api/v1/uploads``: pieces of files come in, and become public as a whole.

Bodies are bytes and may be long, so they pass by the operator API's shapes; who asks is told the same
way (docs/reference/uploads.md).
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Final, ParamSpec, TypeVar
from urllib.parse import parse_qs

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ota_client.errors import FleetError
from ota_server.errors import (
    ConflictError,
    InvalidError,
    PublishedFolderError,
    UnauthenticatedError,
    UploadRefusedError,
)
from ota_server.operations import uploads as operations
from ota_server.operations.desk import Desk
from ota_server.operators import api_token
from ota_server.operators.actor import Actor
from ota_server.uploads import publication
from ota_server.uploads.destination import wanted
from ota_server.uploads.listing import LIST_MOST_BYTES, UploadFile, UploadList
from ota_server.uploads.opening import Uploads
from ota_server.uploads.staged_upload import StagedUpload
from ota_server.uploads.verification import Verified, verify
from ota_server.web.api.authentication import CHALLENGE, Credential, credential_of
from ota_server.web.api.parts import ApiParts
from ota_server.web.metrics import Metrics
from ota_server.web.problem import problem_of
from ota_server.web.rates import AddressRate

PREFIX: Final = "/api/v1/uploads"
PIECE_MOST_BYTES: Final = 4 * 1024 * 1024
# no body is longer than the list of an upload's files
BODY_MOST_BYTES: Final = LIST_MOST_BYTES
# each holds a piece in memory
REQUESTS_MOST: Final = 8
# of one address: a quick line sends many pieces
_REQUESTS_A_MINUTE: Final = 6000
_ID: Final = r"/([0-9a-f]{64})"
_ROUTES: Final = {
    ("POST", "begin"): re.compile(PREFIX),
    ("PUT", "piece"): re.compile(f"{PREFIX}{_ID}/files{_ID}"),
    ("POST", "commit"): re.compile(f"{PREFIX}{_ID}/commit"),
    ("DELETE", "discard"): re.compile(f"{PREFIX}{_ID}"),
}
_OFFSET: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_NO_STORE: Final = {"cache-control": "no-store"}

P = ParamSpec("P")
T = TypeVar("T")


class UploadDoor:
    """The ASGI door to ``/api/v1/uploads...``.

    Args:
        parts: of the operator API.
        uploads: where they wait, and become public.
        metrics: count requests.
    """

    def __init__(self, parts: ApiParts, uploads: Uploads, metrics: Metrics) -> None:
        self._parts, self._uploads, self._metrics = parts, uploads, metrics
        self._rate = AddressRate(_REQUESTS_A_MINUTE)
        # to verify takes a core: one upload at a time
        self._verifying = asyncio.Lock()
        # apart from the loop's own threads: devices' downloads must not wait behind a bucket (B07)
        self._threads = ThreadPoolExecutor(REQUESTS_MOST, "uploads")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = "unknown"
        try:
            name, ids = _route(scope)
            response = await self._answer(name, ids, scope, receive)
        except Exception as e:  # noqa: BLE001 - the last place: problem_of logs what nobody expected
            response = problem_of(e)
            # what is left of a body stands in the way of the next request
            response.headers["connection"] = "close"
            if isinstance(e, UnauthenticatedError):
                response.headers["www-authenticate"] = CHALLENGE
        self._metrics.request(f"upload:{name}", response.status_code)
        await response(scope, receive, send)

    async def _answer(self, name: str, ids: tuple[str, ...], scope: Scope, receive: Receive) -> Response:
        self._rate.take(self._parts.peers.address(scope), self._parts.monotonic())
        now = self._parts.clock()
        credential = credential_of(scope["headers"])
        actor = await self._actor(credential, now, notes=name == "begin")
        scope.setdefault("state", {})["actor"] = actor.label
        match name:
            case "begin":
                body = await _body(receive, LIST_MOST_BYTES)
                # it may be long, and devices wait for the event loop
                files = await self._run(UploadList.parse, body)
                return await self._begin(actor, files, now, dry=_is_dry(scope))
            case "piece":
                return await self._piece(actor, ids, _offset(scope), receive)
            case "commit":
                return await self._commit(actor, credential, ids[0], now)
            case _:
                upload = await self._run(self._uploads.staging.find, actor.label, ids[0])
                await self._run(self._uploads.staging.drop, upload)
                return Response(status_code=HTTPStatus.NO_CONTENT, headers=_NO_STORE)

    async def _begin(self, actor: Actor, files: UploadList, now: datetime, *, dry: bool) -> Response:
        found = await self._run(wanted, files, self._uploads.destination)
        await self._transaction(
            lambda c: operations.may_send(self._desk(c, actor, now), found), writes=False
        )
        if dry or not found:
            missing: list[dict[str, object]] = [file.to_fields() for file in _once(found)]
            return _json({"id": files.id, "published": not found, "missing": missing})
        staging = self._uploads.staging
        upload = await self._run(staging.begin, actor.label, files, found)
        to_come = [one.to_fields() for one in upload.missing()]
        return _json({"id": files.id, "published": False, "missing": to_come}, HTTPStatus.CREATED)

    async def _piece(
        self, actor: Actor, ids: tuple[str, ...], offset: int, receive: Receive
    ) -> Response:
        upload = await self._run(self._uploads.staging.find, actor.label, ids[0])
        piece = await _body(receive, PIECE_MOST_BYTES, may_break=True)
        here = await self._run(upload.append, ids[1], offset, piece)
        return _json({"offset": here})

    async def _commit(
        self, actor: Actor, credential: Credential, upload_id: str, now: datetime
    ) -> Response:
        uploads = self._uploads
        upload = await self._run(uploads.staging.find, actor.label, upload_id)
        async with self._verifying:
            try:
                verified = await self._publish(actor, credential, upload, now)
            except (ConflictError, UploadRefusedError, PublishedFolderError):
                # another process, or a request whose line broke, may have been quicker with the same
                versions = await self._run(publication.public, upload.files, uploads.destination)
                if versions is None:
                    raise
                await self._actor(credential, self._parts.clock(), notes=False)
                return _json({"versions": versions, "products": []})
        return _json(verified.to_fields())

    async def _publish(
        self, actor: Actor, credential: Credential, upload: StagedUpload, now: datetime
    ) -> Verified:
        uploads, where = self._uploads, self._uploads.destination
        verified = await self._run(verify, upload, where, uploads.root, now=now)
        await self._transaction(partial(self._permit, credential, verified, now), writes=True)
        try:
            await self._run(publication.publish, verified, upload, uploads.staging, where)
        except FleetError as e:
            await self._note_failure(actor, verified, e.code, now)
            raise
        return verified

    def _permit(
        self, credential: Credential, verified: Verified, now: datetime, connection: Connection
    ) -> None:
        """To verify takes long, and to wait for one's turn: a token may be withdrawn meanwhile (B12)."""
        actor = api_token.find(connection, credential.token, self._parts.clock())
        operations.may_publish(self._desk(connection, actor, now), verified)

    async def _note_failure(self, actor: Actor, verified: Verified, code: str, now: datetime) -> None:
        await self._transaction(
            lambda c: operations.publish_failed(self._desk(c, actor, now), verified, code), writes=True
        )

    async def _actor(self, credential: Credential, now: datetime, *, notes: bool) -> Actor:
        """Before the body is read: a stranger's is not."""
        token = credential.token

        def find(connection: Connection) -> tuple[Actor, bool]:
            actor = api_token.find(connection, token, now)
            operations.may_upload(self._desk(connection, actor, now))
            return actor, notes and api_token.use_is_due(connection, token, now)

        actor, due = await self._transaction(find, writes=False)
        if due:
            await self._transaction(lambda c: api_token.note_use(c, token, now), writes=True)
        return actor

    def _desk(self, connection: Connection, actor: Actor, now: datetime) -> Desk:
        return Desk(connection, actor, now, self._parts.catalog)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(work, *args, **kwargs)
        )

    async def _transaction(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        database = self._parts.database

        def transaction() -> T:
            with database.begin() if writes else database.read() as connection:
                return work(connection)

        return await database.threads.run(transaction)


def _route(scope: Scope) -> tuple[str, tuple[str, ...]]:
    path = scope["raw_path"].decode("latin-1")
    allowed = []
    for (method, name), pattern in _ROUTES.items():
        if match := pattern.fullmatch(path):
            if method == scope["method"]:
                return name, match.groups()
            allowed.append(method)
    if allowed:
        allow = ", ".join(sorted(allowed))
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, f"Expected {allow}", {"Allow": allow})
    raise HTTPException(HTTPStatus.NOT_FOUND, "There is nothing here")


async def _body(receive: Receive, most_bytes: int, *, may_break: bool = False) -> bytes:
    """The body, or where it ``may_break``, what came of it before the client was gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            if may_break:
                return bytes(body)
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The body ended early")
        body += message.get("body", b"")
        if len(body) > most_bytes:
            detail = f"Expected a body of at most {most_bytes} bytes"
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        if not message.get("more_body"):
            return bytes(body)


def _once(files: tuple[UploadFile, ...]) -> list[UploadFile]:
    return list({file.sha256: file for file in files}.values())


def _is_dry(scope: Scope) -> bool:
    query = scope["query_string"]
    if query not in {b"", b"dry_run=true"}:
        raise InvalidError("query: expected nothing or dry_run=true, got something else")
    return bool(query)


def _offset(scope: Scope) -> int:
    values = parse_qs(scope["query_string"].decode("latin-1"))
    text = values.get("offset", [""])[0]
    if set(values) != {"offset"} or not _OFFSET.fullmatch(text):
        raise InvalidError("offset: expected a number of bytes, such as offset=0, got something else")
    return int(text)


def _json(content: dict[str, object], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return JSONResponse(content, status.value, _NO_STORE)
