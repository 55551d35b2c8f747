"""How a device gets its certificate: a key made here, which never leaves, and a request for it."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificatePublicKeyTypes,
    PrivateKeyTypes,
)
from cryptography.x509.oid import NameOID

from ota_client.errors import ConfigError, FetchError
from ota_client.fleet.identity import Identity
from ota_client.fleet.server import UpdateServer
from ota_client.protocol import Enrolment

# renewed in the last third: a device that is off for some weeks comes back in time
_RENEWED_AFTER: Final = 2 / 3
_FIRST_END: Final = b"-----END PRIVATE KEY-----\n"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A device that asks to be known.

    Attributes:
        token: of the server's operator; it is kept nowhere. None where the factory's certificate speaks.
    """

    device_id: str
    product: str
    hardware_id: str
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a device's certificate says.

    Attributes:
        device_id: its common name.
        key_sha256: of its public key (SubjectPublicKeyInfo): the identity at the server.
    """

    device_id: str
    key_sha256: str
    begins_at: datetime
    expires_at: datetime

    @property
    def renewal_at(self) -> datetime:
        """When it is to be renewed."""
        return self.begins_at + (self.expires_at - self.begins_at) * _RENEWED_AFTER

    def to_fields(self) -> dict[str, object]:
        """As JSON fields (docs/reference/ota-client.md)."""
        return {
            "device_id": self.device_id,
            "key_sha256": self.key_sha256,
            "expires_at": f"{self.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        }


def enrol(server: UpdateServer, identity: Identity, device: Newcomer, *, rekey: bool) -> Certificate:
    """Have a key certified, and keep both as the device's identity.

    May be run again after any interruption: the key stays the same until it is certified, and the
    server takes the same request again. An identity that is there stays until there is the new one.

    Args:
        server: reached with the factory's certificate where there is no token.
        identity: where key and certificate are kept.
        device: who asks.
        rekey: make a new key although there is one.

    Raises:
        NotAuthorisedError: the server refuses the token or the factory's certificate.
        FetchError: the server cannot be reached, or certified something else.
        InstallError: key or certificate cannot be written.
    """
    key = _own_key(identity.read()) if identity.enrolled and not rekey else identity.new_key(_new_key)
    request = _request(_load(key), device.device_id)
    made = server.enrol(
        device_id=device.device_id,
        product=device.product,
        hardware_id=device.hardware_id,
        csr=request,
        token=device.token,
    )
    return _keep(identity, key, made, device.device_id)


def renew(server: UpdateServer, identity: Identity) -> Certificate:
    """Have the same key certified anew; raises as ``enrol`` does."""
    pem = identity.read()
    key, device_id = _own_key(pem), read_certificate(pem).device_id
    return _keep(identity, key, server.renew(_request(_load(key), device_id)), device_id)


def read_certificate(pem: bytes) -> Certificate:
    """Read the first certificate of a PEM file.

    Raises:
        ConfigError: it is not one.
    """
    try:
        certificate = x509.load_pem_x509_certificates(pem)[0]
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return Certificate(
            device_id=str(names[0].value) if names else "",
            key_sha256=_key_sha256(certificate.public_key()),
            begins_at=certificate.not_valid_before_utc,
            expires_at=certificate.not_valid_after_utc,
        )
    except ValueError as e:
        raise ConfigError("expected the device's certificate in PEM, got something else") from e


def _keep(identity: Identity, key: bytes, made: Enrolment, device_id: str) -> Certificate:
    try:
        chain = x509.load_pem_x509_certificates(made.certificate.encode())
        pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
        certificate = read_certificate(pem)
    except (ConfigError, ValueError) as e:
        raise FetchError("the update server's answer: expected a certificate, got another text") from e
    own = _key_sha256(_load(key).public_key())
    if (certificate.device_id, made.device_id, certificate.key_sha256) != (device_id, device_id, own):
        raise FetchError(
            f"the update server's answer: expected a certificate of this device's key for {device_id}, "
            f"got one of another key or for {certificate.device_id[:80]!r}"
        )
    identity.keep(key, pem)
    return certificate


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _own_key(identity: bytes) -> bytes:
    """The key of an identity: its first part."""
    return identity[: identity.index(_FIRST_END) + len(_FIRST_END)]


def _load(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key: PrivateKeyTypes | None = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(
            "expected the device's own key, got another file; 'ota-client enroll --force' begins anew"
        )
    return key


def _request(key: ec.EllipticCurvePrivateKey, device_id: str) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _key_sha256(key: CertificatePublicKeyTypes) -> str:
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()
