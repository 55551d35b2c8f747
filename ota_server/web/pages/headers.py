"""What every answer of the dashboard tells the browser to do and not to do."""

from collections.abc import Mapping
from typing import Final

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # with "no-referrer" browsers would send "Origin: null" with our own forms
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_TLS_ONLY: Final = "max-age=31536000"


def security_headers(*, is_plain: bool) -> dict[str, str]:
    """Headers of every answer; over TLS the browser is told never to come without (B09)."""
    return dict(_ALWAYS) if is_plain else {**_ALWAYS, "strict-transport-security": _TLS_ONLY}
