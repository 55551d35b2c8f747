"""The device authority: what certifies devices' keys.

It is apart from the authority of the server's own certificate (``ota_server/authority.py``): a device
must not be able to pass for the server.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ota_client.errors import ConfigError
from ota_server.authority import Issued, key_usage, new_authority
from ota_server.devices.anchors import Anchors, read_authorities
from ota_server.devices.signing_request import SigningRequest

# Devices need no new trust when it ends, but all a new certificate: longer than they live.
AUTHORITY_LIFETIME = timedelta(days=25 * 365)
DEVICE_LIFETIME = timedelta(days=365)
# The machine that verifies may be behind the one that issued.
_BACKDATED = timedelta(days=1)

SigningKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a device gets.

    Attributes:
        pem: its certificate and the authority's.
    """

    pem: str
    device_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceAuthority:
    """Certifies devices' keys, and knows whose certificates are believed.

    Attributes:
        lifetime: of the certificates that it makes.
    """

    anchors: Anchors
    key: SigningKey
    lifetime: timedelta = DEVICE_LIFETIME

    @classmethod
    def load(
        cls,
        certificate: Path,
        key: Path,
        *,
        factories: Sequence[Path] = (),
        lifetime: timedelta = DEVICE_LIFETIME,
        now: datetime,
    ) -> Self:
        """Read the authority's files.

        Args:
            certificate: PEM; the first one signs, further ones (of an authority that was replaced) are
                believed as well.
            key: the first one's private key, PEM, not encrypted.
            factories: the certificates of factories' authorities, PEM.
            lifetime: of devices' certificates.
            now: UTC.

        Raises:
            ConfigError: a file cannot be read or holds something else, or the authority has expired.
        """
        own = read_authorities(certificate)
        if own[0].not_valid_after_utc <= now:
            raise ConfigError(f"{certificate} expired: make a new device authority, put it first")
        known = [one for path in factories for one in read_authorities(path)]
        return cls(Anchors(own, known), _read_key(key, own[0]), lifetime)

    def sign(self, request: SigningRequest, device_id: str, now: datetime) -> Certificate:
        """Certify a device's key: for clients of TLS, and for nothing else."""
        issuer = self.anchors.device[0]
        expires_at = min(now + self.lifetime, issuer.not_valid_after_utc).replace(microsecond=0)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer.subject)
            .public_key(request.key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(expires_at)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(digital_signature=True, key_cert_sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        made = _sign(builder, self.key).public_bytes(Encoding.PEM)
        return Certificate((made + issuer.public_bytes(Encoding.PEM)).decode(), device_id, expires_at)


def new_device_authority(now: datetime) -> Issued:
    """Make an authority for devices; its key is not encrypted."""
    return new_authority(now, "Ratchet device authority", AUTHORITY_LIFETIME)


def _sign(builder: x509.CertificateBuilder, key: SigningKey) -> x509.Certificate:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return builder.sign(key, None)
    return builder.sign(key, hashes.SHA256())


def _read_key(path: Path, certificate: x509.Certificate) -> SigningKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}") from e
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise ConfigError(f"{path}: expected an unencrypted private key in PEM") from e
    if not isinstance(key, SigningKey) or key.public_key() != certificate.public_key():
        raise ConfigError(f"{path}: expected the key of the device authority's certificate, got another")
    return key
