"""Who asks: the API token in the ``Authorization`` header, and nothing else.

No cookie is looked at, so a page of another site cannot make a browser ask in somebody's name.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ota_server.errors import UnauthenticatedError
from ota_server.operators import secret_token

_BEARER: Final = re.compile(
    rf"bearer +({secret_token.Prefix.API_TOKEN}[A-Za-z0-9_-]{{43}})", re.IGNORECASE | re.ASCII
)
CHALLENGE: Final = 'Bearer realm="ratchet"'


@dataclass(frozen=True, slots=True)
class Credential:
    """What was shown; nothing about it is checked yet.

    Attributes:
        token: the secret.
    """

    token: str

    @property
    def sha256(self) -> str:
        """Names it where the secret must not stand."""
        return secret_token.digest(self.token)

    def __repr__(self) -> str:
        return "Credential(...)"


def credential_of(headers: Iterable[tuple[bytes, bytes]]) -> Credential:
    """The token that a request brings (RFC 6750, section 2.1).

    Raises:
        UnauthenticatedError: there is none, or it cannot be one.
    """
    shown = [value for name, value in headers if name == b"authorization"]
    match = _BEARER.fullmatch(shown[0].decode("latin-1").strip()) if len(shown) == 1 else None
    if match is None:
        raise UnauthenticatedError(
            "expected Authorization: Bearer rat_..., an API token, got none; "
            "`ota-server api-token issue` makes one"
        )
    # the scheme's letters may be of any case, the token's may not
    if not match[1].startswith(secret_token.Prefix.API_TOKEN):
        raise UnauthenticatedError("expected an API token that begins with rat_, got another text")
    return Credential(match[1])
