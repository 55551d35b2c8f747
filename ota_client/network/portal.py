"""A web page where a file was expected: a network that wants a login, a proxy's notice.

It comes with status 200, and the verifier would take it for a forgery and raise an alarm. Nothing
genuine looks so: metadata and manifests begin with ``{``, an index and a payload with their own marks.
"""

import re
from http import HTTPStatus
from typing import Final

from ota_client.errors import CaptivePortalError
from ota_client.network.answer import Answer

_PAGES: Final = {"text/html", "application/xhtml+xml"}
_OPENING = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype\s+html|<\?xml|<!--|<(?:html|head|body|title|meta|script)\b)",
    re.IGNORECASE,
)


def check_portal(answer: Answer) -> None:
    """Refuse a web page.

    Raises:
        CaptivePortalError: it says that it is one and begins like one, or a network wants a login
            (RFC 6585, section 6).
        ConnectionLostError: the connection broke.
    """
    asked = answer.status == HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED
    success = answer.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}
    page = success and answer.media_type() in _PAGES and _OPENING.match(answer.peek()) is not None
    if asked or page:
        raise CaptivePortalError(
            f"{answer.url}: expected the repository's bytes, got "
            f"{'status 511' if asked else 'an HTML page'}; log in to the network or mend the proxy"
        )
