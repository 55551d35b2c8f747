"""A private key on disk: PKCS#8, encrypted by a passphrase, in PEM (RFC 5958, RFC 8018).

cryptography's own ``BestAvailableEncryption`` derives the key by 2048 rounds of PBKDF2, which a thief
with a graphics card tries millions of times a second. The container is therefore written here, with a
cost of our choice; reading it needs nothing special (``openssl pkey -in`` opens it too).
"""

import os
from base64 import encodebytes
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, Key, SecretsHandler, Signature, Signer, SSlibKey

from ota_client.errors import ConfigError
from signing.errors import PassphraseError, RepositoryFileError

SCHEME: Final = "encfile"
# OWASP's figure for PBKDF2-HMAC-SHA256 (2023): some 0.2 s for each opening, and for each guess.
KDF_ROUNDS: Final = 600_000
_SALT_BYTES: Final = 16
_AES_KEY_BYTES: Final = 32
_AES_BLOCK_BYTES: Final = 16

_SEQUENCE, _OCTETS, _INTEGER = 0x30, 0x04, 0x02
# AlgorithmIdentifiers and object ids, in DER
_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256: Final = bytes.fromhex("300c06082a864886f70d02090500")
_AES256_CBC: Final = bytes.fromhex("060960864801650304012a")


class EncryptedFileSigner(Signer):
    """Signs with a key file that only a passphrase opens; its URI is ``encfile:PATH``.

    securesystemslib's own file signer takes plain files only.
    """

    def __init__(self, signer: CryptoSigner) -> None:
        self._signer = signer

    @property
    def public_key(self) -> SSlibKey:
        """The public half."""
        return self._signer.public_key

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> "EncryptedFileSigner":
        """Open a key file; ``secrets_handler`` is asked for its passphrase.

        Raises:
            ConfigError: the file cannot be read.
            PassphraseError: there is no passphrase, or a wrong one.
            RepositoryFileError: the file holds another key, or none.
        """
        path = priv_key_uri.removeprefix(f"{SCHEME}:")
        try:
            with open(path, "rb") as file:  # noqa: PTH123 (securesystemslib hands the path as text)
                pem = file.read()
        except OSError as e:
            raise ConfigError(f"private key {path}: {e.strerror}") from e
        if secrets_handler is None:
            raise PassphraseError(f"private key {path}: expected a passphrase, got none")
        return cls(_open(pem, path, public_key, secrets_handler(f"passphrase of {path}")))

    def sign(self, payload: bytes) -> Signature:
        """Sign ``payload``."""
        return self._signer.sign(payload)


def _open(pem: bytes, path: str, public_key: Key, passphrase: str) -> CryptoSigner:
    if b"ENCRYPTED" not in pem or not isinstance(public_key, SSlibKey):
        raise RepositoryFileError(f"private key {path}: expected an encrypted PKCS#8 file in PEM")
    try:
        private_key = load_pem_private_key(pem, passphrase.encode())
    except ValueError as e:
        raise PassphraseError(f"private key {path}: the passphrase does not open it") from e
    try:
        return CryptoSigner(private_key, public_key)
    except Exception as e:
        raise RepositoryFileError(f"private key {path}: it does not belong to its public key") from e


def encrypt(private_key: bytes, passphrase: str, rounds: int = KDF_ROUNDS) -> bytes:
    """Encrypt a PKCS#8 key in DER by a passphrase: PBES2, PBKDF2-HMAC-SHA256, AES-256-CBC.

    Returns:
        The key as ``ENCRYPTED PRIVATE KEY`` in PEM.
    """
    salt, iv = os.urandom(_SALT_BYTES), os.urandom(_AES_BLOCK_BYTES)
    key = PBKDF2HMAC(SHA256(), _AES_KEY_BYTES, salt, rounds).derive(passphrase.encode())
    padder, encryptor = PKCS7(_AES_BLOCK_BYTES * 8).padder(), Cipher(AES(key), CBC(iv)).encryptor()
    padded = padder.update(private_key) + padder.finalize()
    sealed = encryptor.update(padded) + encryptor.finalize()
    count = rounds.to_bytes(rounds.bit_length() // 8 + 1)
    kdf = _der(_SEQUENCE, _der(_OCTETS, salt) + _der(_INTEGER, count) + _HMAC_SHA256)
    kdf = _der(_SEQUENCE, _PBKDF2 + kdf)
    cipher = _der(_SEQUENCE, _AES256_CBC + _der(_OCTETS, iv))
    algorithm = _der(_SEQUENCE, _PBES2 + _der(_SEQUENCE, kdf + cipher))
    body = _base64(_der(_SEQUENCE, algorithm + _der(_OCTETS, sealed)))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n%b-----END ENCRYPTED PRIVATE KEY-----\n" % body


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 (X.690, 8.1.3: the short form of a length)
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def _base64(data: bytes) -> bytes:
    text = encodebytes(data).replace(b"\n", b"")
    return b"".join(text[i : i + 64] + b"\n" for i in range(0, len(text), 64))
