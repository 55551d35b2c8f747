"""The cookies: a session's, the colours', and one on the way to an identity provider (B12)."""

from typing import Final, Literal

from starlette.responses import Response

from ota_server.operators.oidc.flow import LIFETIME
from ota_server.web.pages.drawing import THEMES
from ota_server.web.pages.page import Kept

_THEME: Final = "ratchet-theme"
_THEME_AGE_S: Final = 365 * 86_400
_WENT_AGE_S: Final = int(LIFETIME.total_seconds())


class Cookies:
    """Reads and writes them.

    Args:
        is_plain: whether there is no TLS: browsers would not take back a ``__Host-`` cookie then.

    Attributes:
        name: of the session's cookie.
    """

    def __init__(self, *, is_plain: bool) -> None:
        self._is_plain = is_plain
        # the prefix binds it to this host and to TLS (RFC 6265bis, 4.1.3.2)
        self.name = "ratchet" if is_plain else "__Host-ratchet"
        self._went = f"{self.name}-went"

    def session_of(self, header: str) -> str:
        """The token that a request shows; empty without one."""
        return _values(header).get(self.name, "")

    def theme_of(self, header: str) -> str:
        """The colours that the browser remembers."""
        theme = _values(header).get(_THEME, THEMES[0])
        return theme if theme in THEMES else THEMES[0]

    def went_of(self, header: str) -> str:
        """What was kept on the way to an identity provider; empty without it."""
        return _values(header).get(self._went, "")

    def keep(self, response: Response, kept: Kept) -> None:
        """Let the browser keep, or forget."""
        # a session ends with the browser
        self._put(response, self.name, kept.session)
        self._put(response, _THEME, kept.theme, age_s=_THEME_AGE_S)
        # it comes back from another site
        self._put(response, self._went, kept.went, age_s=_WENT_AGE_S, same_site="lax")

    def _put(
        self,
        response: Response,
        name: str,
        value: str | None,
        *,
        age_s: int | None = None,
        same_site: Literal["lax", "strict"] = "strict",
    ) -> None:
        if value is not None:
            response.set_cookie(
                name,
                value,
                max_age=age_s if value else 0,
                path="/",
                secure=not self._is_plain,
                httponly=True,
                samesite=same_site,
            )


def _values(header: str) -> dict[str, str]:
    """All cookies of a header, in the time that it takes to read it once.

    ``http.cookies`` takes seconds for some headers of 16 KB (CVE-2024-7592), and anybody may send one
    (B07). Of its notation there is what it makes of our values: quotes around a whole one (RFC 6265,
    4.1.1).
    """
    pairs = (part.partition("=") for part in header.split(";"))
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs}
