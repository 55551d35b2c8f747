"""Errors as RFC 9457 problem documents: the one place where an error becomes a status."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ota_server.errors import NotPublishedError, PublishedFolderError

RETRY_AFTER_S = 30
# A device asks for the next root at each check and mostly there is none: a cache may answer that, but
# not for long after there is one.
_ABSENCE_CACHED = "public, max-age=60"


def problem(
    status: HTTPStatus, detail: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    """Make a problem document; not to be cached unless ``headers`` say otherwise.

    There is no ``type``: that means ``about:blank`` (RFC 9457, section 3.1.1).
    """
    content: dict[str, str | int] = {"title": status.phrase, "status": status.value}
    if detail is not None:
        content["detail"] = detail
    return JSONResponse(
        content,
        status.value,
        {"cache-control": "no-store", **(headers or {})},
        media_type="application/problem+json",
    )


def not_found() -> Response:
    """Say that there is nothing here, whatever the reason; briefly, as every check gets this once."""
    return problem(HTTPStatus.NOT_FOUND, headers={"cache-control": _ABSENCE_CACHED})


def unavailable(detail: str) -> Response:
    """Say that it is worth trying again."""
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"retry-after": str(RETRY_AFTER_S)})


async def on_not_published(_request: Request, _error: Exception) -> Response:
    """Answer ``NotPublishedError``."""
    return not_found()


async def on_published_folder(_request: Request, _error: Exception) -> Response:
    """Answer ``PublishedFolderError``; where the disk fails is not the client's business."""
    return unavailable("The published files cannot be read at the moment.")


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """Answer what Starlette's router refuses."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.NOT_FOUND:
        return not_found()
    headers = dict(error.headers or {})
    return problem(HTTPStatus(error.status_code), f"{error.detail}.", headers)


HANDLERS = {
    NotPublishedError: on_not_published,
    PublishedFolderError: on_published_folder,
    HTTPException: on_http_exception,
}
