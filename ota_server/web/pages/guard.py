"""Whether a change was asked for by a page of ours: its origin, and the session's own token (B12)."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from ota_server.errors import ForbiddenError
from ota_server.operators import session
from ota_server.web.pages.page import Fields


def check_origin(headers: Headers, *, is_plain: bool) -> None:
    """Refuse a form that another site's page sent.

    Every browser names the origin of a POST (Fetch standard, 3.2); what does not is none. A page that
    came without TLS is another site's: somebody on the line may have written it.

    Args:
        headers: of the request.
        is_plain: whether the pages are served without TLS.

    Raises:
        ForbiddenError: it came from elsewhere, or does not say.
    """
    origin = headers.get("origin")
    if origin is None:
        raise ForbiddenError("expected a form of this site: the request names no origin")
    host = headers.get("host", "")
    schemes = {"http", "https"} if is_plain else {"https"}
    if not host or _parts(origin) not in {(scheme, host.lower()) for scheme in schemes}:
        raise ForbiddenError(
            f"expected a form of {host[:80]}, got one of {origin[:80]!r}; a proxy must hand on the "
            "header Host"
        )
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise ForbiddenError("expected a form of this site, got one of another")


def check_form(token: str, form: Fields) -> None:
    """Refuse a form that no page of this session made.

    Raises:
        ForbiddenError: its token is another one.
    """
    if not session.is_csrf_token(token, form.verbatim("csrf")):
        raise ForbiddenError("expected a form of this session: open the page anew, and try again")


def _parts(origin: str) -> tuple[str, str]:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc.lower()
