"""Errors as RFC 9457 problem documents: the one place where an error becomes a status."""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ota_client.errors import FleetError, VerificationError
from ota_server.errors import (
    AuditError,
    ConflictError,
    DatabaseUnavailableError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    NotPublishedError,
    PublishedFolderError,
    SbomError,
    TooManyError,
    UnauthenticatedError,
)
from ota_server.web.shapes import FieldError, MalformedError

_log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 30
# A device asks for the next root at each check and mostly there is none: a cache may answer that, but
# not for long after there is one.
_ABSENCE_CACHED: Final = "public, max-age=60"
# The first that fits.
_STATUSES: Final[Mapping[type[FleetError], HTTPStatus]] = {
    MalformedError: HTTPStatus.BAD_REQUEST,
    InvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFoundError: HTTPStatus.NOT_FOUND,
    NotPublishedError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    SbomError: HTTPStatus.CONFLICT,
    AuditError: HTTPStatus.CONFLICT,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    TooManyError: HTTPStatus.TOO_MANY_REQUESTS,
    DatabaseUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    PublishedFolderError: HTTPStatus.SERVICE_UNAVAILABLE,
}
# Our sentences about a field begin with its name.
_FIELD: Final = re.compile(r"([a-z][a-z_.]*): ", re.ASCII)
# What a database or disk says of itself is not the client's business.
_UNAVAILABLE: Final = "The server cannot answer at the moment."


def problem(
    status: HTTPStatus,
    detail: str | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    code: str | None = None,
    field: str | None = None,
) -> Response:
    """Make a problem document; not to be cached unless ``headers`` say otherwise.

    There is no ``type``: that means ``about:blank`` (RFC 9457, section 3.1.1).

    Args:
        status: of the answer.
        detail: one sentence.
        headers: further ones.
        code: of the error, as in docs/reference/errors.md.
        field: the path of the field that is wrong.
    """
    given = {"detail": detail, "code": code, "field": field}
    content: dict[str, str | int] = {"title": status.phrase, "status": status.value}
    content |= {name: value for name, value in given.items() if value is not None}
    return JSONResponse(
        content,
        status.value,
        {"cache-control": "no-store", **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def problem_of(error: Exception) -> Response:
    """Say what an error means to whoever asked; one that nobody expected is logged, and not told of."""
    if isinstance(error, HTTPException):
        return problem(HTTPStatus(error.status_code), f"{error.detail}.", error.headers)
    if isinstance(error, VerificationError):
        # who steers the fleet is to hear why devices would refuse what is published
        return unavailable(f"{str(error).removesuffix('.')}.", error.code)
    if isinstance(error, FleetError):
        status = next((s for kind, s in _STATUSES.items() if isinstance(error, kind)), None)
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            _log.warning("%s [%s]", error, error.code)
            return unavailable(_UNAVAILABLE, error.code)
        if status is not None:
            detail = f"{str(error).removesuffix('.')}."
            return problem(status, detail, _headers_of(error), code=error.code, field=_field_of(error))
    _log.error("a request failed", exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed; its log has the reason.")


def status_of(error: Exception) -> HTTPStatus:
    """The status of an error, for pages; one that nobody expected is logged."""
    return HTTPStatus(problem_of(error).status_code)


def _headers_of(error: FleetError) -> dict[str, str]:
    if isinstance(error, TooManyError):
        return {"retry-after": str(error.retry_after_s)}
    return {}


def _field_of(error: FleetError) -> str | None:
    if isinstance(error, FieldError):
        return error.field
    match = _FIELD.match(str(error)) if type(error) is InvalidError else None
    return f"$.{match[1]}" if match else None


def not_found() -> Response:
    """Say that there is nothing here, whatever the reason; briefly, as every check gets this once."""
    return problem(HTTPStatus.NOT_FOUND, headers={"cache-control": _ABSENCE_CACHED})


def unavailable(detail: str, code: str | None = None) -> Response:
    """Say that it is worth trying again."""
    headers = {"retry-after": str(RETRY_AFTER_S)}
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers, code=code)


async def on_not_published(_request: Request, _error: Exception) -> Response:
    """Answer ``NotPublishedError``."""
    return not_found()


async def on_published_folder(_request: Request, error: Exception) -> Response:
    """Answer ``PublishedFolderError``; where the disk fails is not the client's business."""
    _log.warning("%s", error)
    return unavailable("The published files cannot be read at the moment.")


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """Answer what Starlette's router refuses."""
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.NOT_FOUND:
        return not_found()
    return problem_of(error)


HANDLERS = {
    NotPublishedError: on_not_published,
    PublishedFolderError: on_published_folder,
    HTTPException: on_http_exception,
}
