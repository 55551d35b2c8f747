"""Secrets that are handed out once: 256 random bits behind a prefix that says what it is.

The database has their sha256 alone, and they are looked up by it: whoever reads it signs in nowhere,
and no comparison takes a time that tells (CWE-208). The prefix lets scanners find one that leaked.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from enum import StrEnum
from typing import Final

_RANDOM_BYTES: Final = 32

RandomBytes = Callable[[int], bytes]


class Prefix(StrEnum):
    """What a secret is."""

    API_TOKEN = "rat_"  # noqa: S105 - no secret
    LINK = "ratl_"
    SESSION = "rats_"
    FEED = "ratf_"


def make(prefix: Prefix, random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """A new secret, of the operating system's randomness."""
    return prefix + urlsafe_b64encode(random_bytes(_RANDOM_BYTES)).rstrip(b"=").decode()


def digest(secret: str) -> str:
    """What the database knows of it; any text has one."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
