"""A simulated device's key pair; real keys, so that the server has to do real work."""

from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """An EC P-256 key."""

    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls) -> Self:
        """Make one."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def signing_request(self, device_id: str) -> str:
        """Ask for a certificate (PKCS#10), PEM."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self._key, SHA256())
        return request.public_bytes(Encoding.PEM).decode()

    def pem(self) -> bytes:
        """The private key, not encrypted: it lives as long as the simulation."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
