"""Whose certificates are believed: those of the device authority and of the operator's factories."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ota_client.errors import ConfigError
from ota_server.devices.identity import UNREADABLE, key_sha256
from ota_server.devices.remembered import remembered
from ota_server.errors import UnauthenticatedError


@dataclass(frozen=True, slots=True)
class KnownCertificate:
    """A client certificate that one of the anchors issued.

    Attributes:
        valid_from: since when, its issuer's validity included.
        expires_at: until when, likewise.
        from_factory: a factory issued it, not the device authority.
    """

    key_sha256: str
    valid_from: datetime
    expires_at: datetime
    from_factory: bool


class Anchors:
    """The authorities that issue client certificates, each directly: intermediate ones are named too.

    Args:
        device: the device authority's certificates; the first one signs today.
        factories: those of the operator's factories.
    """

    def __init__(
        self, device: Iterable[x509.Certificate], factories: Iterable[x509.Certificate] = ()
    ) -> None:
        self.device = tuple(device)
        self.factories = tuple(factories)
        self._examined = remembered(self._examine)

    def pem(self) -> str:
        """All of them, for TLS to verify with."""
        found = (one.public_bytes(Encoding.PEM).decode() for one in (*self.device, *self.factories))
        return "".join(found)

    def verify(self, certificate_der: bytes, now: datetime) -> KnownCertificate:
        """Take a client certificate, or refuse it.

        TLS has done the same. This holds behind a proxy too, and for a session that is resumed after its
        certificate expired (RFC 8446, section 4.6.1).

        Raises:
            UnauthenticatedError: nobody here issued it, it is not for clients, or not valid now.
        """
        known = self._examined(certificate_der)
        if not known.valid_from <= now <= known.expires_at:
            raise UnauthenticatedError(
                f"the client certificate: expected one that is valid now, got one that is valid from "
                f"{known.valid_from:%Y-%m-%d} to {known.expires_at:%Y-%m-%d}"
            )
        return known

    def _examine(self, certificate_der: bytes) -> KnownCertificate:
        key = key_sha256(certificate_der)
        certificate = x509.load_der_x509_certificate(certificate_der)
        # nothing below is read of a certificate that no anchor has signed
        issuer = next((one for one in self._all() if _issued_by(certificate, one)), None)
        if issuer is None or not _is_for_clients(certificate):
            raise UnauthenticatedError(
                "the client certificate: expected one for clients from the device authority or a "
                "factory that is configured, got another"
            )
        return KnownCertificate(
            key,
            max(certificate.not_valid_before_utc, issuer.not_valid_before_utc),
            min(certificate.not_valid_after_utc, issuer.not_valid_after_utc),
            issuer not in self.device,
        )

    def _all(self) -> tuple[x509.Certificate, ...]:
        return (*self.device, *self.factories)


def read_authorities(path: Path) -> tuple[x509.Certificate, ...]:
    """Read the certificates of authorities from a PEM file.

    Raises:
        ConfigError: it cannot be read, holds none, or one that is no authority's.
    """
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}") from e
    except UNREADABLE as e:
        raise ConfigError(f"{path}: expected certificates in PEM, got something else") from e
    if not all(map(_is_authority, found)):
        raise ConfigError(f"{path}: expected authorities' certificates (CA:TRUE), got another one")
    return tuple(found)


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except UNREADABLE:
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (*UNREADABLE, x509.ExtensionNotFound):
        return False


def _is_for_clients(certificate: x509.Certificate) -> bool:
    """RFC 5280, section 4.2.1.12: a certificate without the extension is for every purpose."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return not _is_authority(certificate)
    except UNREADABLE:
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage and not _is_authority(certificate)
