"""Passwords: which are taken, and how they are kept (NIST SP 800-63B, 5.1.1; RFC 9106)."""

import secrets
import unicodedata
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ota_server.errors import InvalidError

SHORTEST: Final = 12
LONGEST: Final = 256
# what is left of a password without these is what must be guessed
_COMMON: Final = (
    *("correcthorsebatterystaple", "administrator", "abcdefghijkl", "qwertyuiop", "asdfghjkl"),
    *("trustno1", "iloveyou", "password", "passwort", "passw0rd", "p@ssw0rd", "princess", "sunshine"),
    *("football", "baseball", "superman", "firmware", "changeme", "operator", "computer", "internet"),
    *("letmein", "welcome", "ratchet", "default", "monkey", "dragon", "master", "qwerty", "secret"),
    *("azerty", "abc123", "zxcvbn", "server", "update", "hello", "login", "guest", "admin", "root"),
    *("1q2w3e4r", "1234567890", "0987654321", "123456789", "12345678", "123456", "12345", "1234"),
)
_LEFT_LEAST: Final = 6
_DISTINCT_LEAST: Final = 5
# each takes 64 MiB while it works
_AT_ONCE: Final = 2


class Passwords:
    """Hashes passwords by argon2id, and compares with hashes.

    Args:
        hasher: its cost; None for the second recommended option of RFC 9106, section 4.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = BoundedSemaphore(_AT_ONCE)
        # nobody's: who is not there is compared with it
        self._decoy = self.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """What is kept of a password, in argon2's own notation."""
        with self._turns:
            return self._hasher.hash(_normal(password))

    def matches(self, kept: str, password: str) -> bool:
        """Whether a password is the one that was kept; where none was it is not, as slowly (B12)."""
        # what nobody can have is not hashed: a long one costs (B07)
        fits = len(password) <= LONGEST
        with self._turns:
            try:
                self._hasher.verify(kept or self._decoy, _normal(password if fits else ""))
            except (VerificationError, InvalidHashError):
                return False
        return bool(kept) and fits

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed at another cost than today's."""
        return self._hasher.check_needs_rehash(kept)


def check_password(password: str, name: str) -> None:
    """Refuse what is guessed early; any characters may be in it, and none must.

    Args:
        password: the new one.
        name: the operator's.

    Raises:
        InvalidError: it is too short or long, or little is in it but common words, digits in a row,
            and the name.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidError(f"password: expected {SHORTEST} to {LONGEST} characters, got {len(password)}")
    left = _normal(password).decode().lower()
    for common in (*_COMMON, *_parts(name)):
        left = left.replace(common, "")
    if len(left) < _LEFT_LEAST or len(set(left)) < _DISTINCT_LEAST:
        raise InvalidError(
            "password: expected one that is not made of common words, digits in a row and your name, "
            "got such a one; four words that have nothing to do with each other are good"
        )


def _parts(name: str) -> list[str]:
    # a name of one or two letters is in many a good password
    whole = name.lower()
    return [part for part in (whole, *whole.replace("@", ".").split(".")) if len(part) > 2]  # noqa: PLR2004 - as said


def _normal(password: str) -> bytes:
    # NIST SP 800-63B, 5.1.1.2: two keyboards may send one character in two forms
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
