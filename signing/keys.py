"""The key folder: NAME.pub.json for each known public key, NAME.pem for the private ones held here."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, cast

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    CryptoSigner,
    Key,
    SecretsHandler,
    Signer,
    SSlibKey,
)

from ota_client.errors import ConfigError
from ota_client.formats.strict import NAME_RULE, is_name
from signing import encrypted_key
from signing.errors import PassphraseError, RepositoryFileError
from signing.storage.files import write_new, write_over

SIGNER_FOR_URI_SCHEME[encrypted_key.SCHEME] = encrypted_key.EncryptedFileSigner

_PUBLIC_SUFFIX: Final = ".pub.json"


class Scheme(StrEnum):
    """The kinds of keys that ``key generate`` makes."""

    ED25519 = "ed25519"
    ECDSA_P256 = "ecdsa-p256"
    ML_DSA_65 = "ml-dsa-65"


_GENERATE: Final[dict[Scheme, Callable[[], CryptoSigner]]] = {
    Scheme.ED25519: CryptoSigner.generate_ed25519,
    Scheme.ECDSA_P256: CryptoSigner.generate_ecdsa,
    # post-quantum (FIPS 204, TAP 21)
    Scheme.ML_DSA_65: lambda: CryptoSigner.generate_mldsa(scheme="ml-dsa-65/1"),
}


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A public key with the name that people here call it by.

    Attributes:
        uri: where the private half is, for securesystemslib: ``encfile:NAME.pem`` (relative to the key
            folder), ``hsm:``, ``awskms:``, ...
        is_local: whether this machine can be asked to sign with it.
    """

    name: str
    key: Key
    uri: str
    is_local: bool


class KeyFolder:
    """The keys of one repository, or of one person.

    Args:
        folder: made when the first key is.
        secrets: asked for a passphrase or PIN; its argument says which. Never logged.
    """

    def __init__(self, folder: Path, secrets: SecretsHandler) -> None:
        self._folder = folder
        self._secrets = secrets
        self._open: dict[str, Signer] = {}

    def generate(self, name: str, scheme: Scheme = Scheme.ED25519, *, force: bool = False) -> NamedKey:
        """Make a key pair.

        Raises:
            ConfigError: ``name`` is no name, or the key is there already and ``force`` is not set.
            PassphraseError: there is no passphrase to encrypt it with.
        """
        self._check_free(name, force=force)
        private_path = self._folder / f"{name}.pem"
        passphrase = self._secrets(f"new passphrase of {private_path}")
        if not passphrase:
            raise PassphraseError(f"private key {private_path}: expected a passphrase, got none")
        signer = _GENERATE[scheme]()
        pem = encrypted_key.encrypt(_pkcs8(signer), passphrase, encrypted_key.KDF_ROUNDS)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write = write_over if force else write_new
        write(private_path, pem, mode=0o600)
        uri = f"{encrypted_key.SCHEME}:{name}.pem"
        write(self._public_path(name), _public_json(signer.public_key, uri))
        self._open.pop(name, None)
        return self.read(name)

    def _check_free(self, name: str, *, force: bool) -> None:
        if not is_name(name):
            raise ConfigError(f"key name: expected {NAME_RULE}, got {name[:80]!r}")
        paths = self._public_path(name), self._folder / f"{name}.pem"
        if any(path.exists() for path in paths) and not force:
            raise ConfigError(
                f"key {name}: expected a new name, got one that exists; --force overwrites the old "
                "key, which cannot be undone"
            )

    def names(self) -> list[str]:
        """The names of all known keys."""
        paths = self._folder.glob(f"*{_PUBLIC_SUFFIX}") if self._folder.is_dir() else ()
        return sorted(path.name.removesuffix(_PUBLIC_SUFFIX) for path in paths)

    def all(self) -> list[NamedKey]:
        """All known keys."""
        return [self.read(name) for name in self.names()]

    def read(self, name: str) -> NamedKey:
        """Read a public key.

        Raises:
            ConfigError: there is no key of this name.
            RepositoryFileError: its file is damaged, or its id is not derived from the key (A04).
        """
        path = self._public_path(name)
        if not is_name(name) or not path.is_file():
            known = ", ".join(self.names()) or "none"
            raise ConfigError(f"key {name}: expected one of those in {self._folder} ({known})")
        key, uri = read_public_key(path)
        file = uri.removeprefix(f"{encrypted_key.SCHEME}:")
        is_local = file == uri or (self._folder / file).exists()
        return NamedKey(name, key, uri, is_local)

    def by_id(self) -> dict[str, str]:
        """Names by key id."""
        return {named.key.keyid: named.name for named in self.all()}

    def signer(self, named: NamedKey) -> Signer:
        """Open a private key; it stays open for this run.

        Raises:
            PassphraseError: it stays shut.
            ConfigError: its file cannot be read, or its URI cannot be used.
        """
        if named.name not in self._open:
            self._open[named.name] = self._signer(named)
        return self._open[named.name]

    def _signer(self, named: NamedKey) -> Signer:
        uri = named.uri
        prefix = f"{encrypted_key.SCHEME}:"
        if uri.startswith(prefix):
            uri = f"{prefix}{self._folder.absolute() / uri.removeprefix(prefix)}"
        try:
            return Signer.from_priv_key_uri(uri, named.key, self._secrets)
        except (ValueError, ImportError) as e:
            raise ConfigError(f"key {named.name}: {uri.partition(':')[0]} cannot be used: {e}") from e

    def _public_path(self, name: str) -> Path:
        return self._folder / f"{name}{_PUBLIC_SUFFIX}"


def read_public_key(path: Path) -> tuple[Key, str]:
    """Read a NAME.pub.json file: the key, and the URI of its private half.

    Raises:
        RepositoryFileError: it is damaged, or the key's id is not derived from the key.
    """
    try:
        value = json.loads(path.read_bytes())
        key_id, uri = str(value.pop("keyid")), str(value.pop("uri"))
        key = cast("SSlibKey", Key.from_dict(key_id, value.pop("key")))
        derived = SSlibKey.from_crypto(key._crypto_key(), scheme=key.scheme)  # noqa: SLF001 (no public way)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise RepositoryFileError(f"{path}: expected a public key file, got {e}") from e
    if value or derived.keyid != key_id:
        # an id of one's own choice would let one key count twice (A04)
        raise RepositoryFileError(
            f"{path}: expected the key id {derived.keyid[:12]}..., got {key_id[:12]}"
        )
    return key, uri


def _public_json(key: Key, uri: str) -> bytes:
    value = {"keyid": key.keyid, "key": key.to_dict(), "uri": uri}
    return json.dumps(value, indent=2, sort_keys=True).encode() + b"\n"


def _pkcs8(signer: CryptoSigner) -> bytes:
    key = load_pem_private_key(signer.private_bytes, None)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
