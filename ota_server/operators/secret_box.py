"""The server's own key, which seals what it must be able to read again, such as webhooks' secrets.

Whoever has the database, or a copy of it, does not have this key: it is a file of its own.
"""

import base64
from pathlib import Path
from typing import Final, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ota_client.errors import ConfigError
from ota_server.errors import InvalidError

_KEY_BYTES: Final = 32
_KEYS_MOST: Final = 8
_FILE_MOST_BYTES: Final = 4096
_WAY_OUT: Final = "`ota-server init` makes one, or `openssl rand -base64 32`"
# base64 is written in two alphabets
_ONE_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")


class SecretBox:
    """Seals texts for one purpose; what was sealed for another does not open.

    Args:
        keys: of 32 random bytes each; the first one seals, all open.
        purpose: such as ``webhook``.
    """

    def __init__(self, keys: tuple[bytes, ...], purpose: str) -> None:
        self._fernet = MultiFernet([Fernet(_derived(key, purpose)) for key in keys])

    @classmethod
    def load(cls, path: Path, purpose: str) -> Self:
        """Read the file that ``make_key`` is the content of; further keys stand below, a line each.

        Raises:
            ConfigError: it cannot be read, or holds something else.
        """
        try:
            with path.open("rb") as file:
                lines = file.read(_FILE_MOST_BYTES).split()
        except OSError as e:
            raise ConfigError(
                f"operators.secret_key: {path} cannot be read: {e.strerror}; {_WAY_OUT}"
            ) from e
        try:
            keys = tuple(
                base64.b64decode(line.translate(_ONE_ALPHABET), validate=True) for line in lines
            )
        except ValueError:
            keys = ()
        if not 1 <= len(keys) <= _KEYS_MOST or any(len(key) != _KEY_BYTES for key in keys):
            raise ConfigError(
                f"operators.secret_key: expected {path} to hold a key of 32 bytes in base64 a line, "
                f"got something else; {_WAY_OUT}"
            )
        return cls(keys, purpose)

    def seal(self, text: str) -> str:
        """Make a text unreadable to all who have not the key."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Read what ``seal`` made.

        Raises:
            InvalidError: it was not sealed by this key, or an earlier one of the file, for this purpose.
        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except (InvalidToken, ValueError) as e:
            raise InvalidError(
                "expected what this server's secret key sealed, got something else; was "
                "server-secret.key exchanged?"
            ) from e


def make_key(random: bytes) -> bytes:
    """The content of a new key's file.

    Args:
        random: 32 bytes of the operating system.
    """
    return base64.urlsafe_b64encode(random) + b"\n"


def _derived(key: bytes, purpose: str) -> bytes:
    # RFC 5869: a key of its own for each purpose
    derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"ratchet {purpose}".encode()).derive(key)
    return base64.urlsafe_b64encode(derived)
