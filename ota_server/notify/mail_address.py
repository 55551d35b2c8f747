"""Addresses of people."""

import re
from typing import Final

from ota_server.errors import InvalidError

# narrower than RFC 5321 allows: nothing that a header, or a mail server's command, could read otherwise
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}", re.ASCII)


def check_mail(text: str) -> None:
    """Refuse what is no mail address.

    Raises:
        InvalidError: it is none.
    """
    if not _ADDRESS.fullmatch(text):
        raise InvalidError(
            f"address: expected a mail address such as mia@example.com, got {text[:80]!r}"
        )
