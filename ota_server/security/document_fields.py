"""What OSV and CSAF files have in common."""

import re
from datetime import UTC, datetime
from typing import Final

from ota_server.security.foreign import Foreign

# it stands in addresses and on command lines
ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)


def seconds(fields: Foreign, name: str) -> int:
    """A time (RFC 3339) in seconds since 1970; 0 if it is not there.

    Raises:
        InvalidError: it is no time.
    """
    text = fields.text(name, longest=64)
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
        return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError):
        fields.fail(name, "a time such as 2026-11-22T08:00:00Z", text)


def link(fields: Foreign, name: str) -> str:
    """A link that a page may show; empty for all that is not https."""
    text = fields.words(name, longest=2000)
    return text if text.startswith("https://") and text.isascii() else ""
