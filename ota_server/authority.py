"""A certificate authority of one's own, for a start: one root, and a certificate for the server.

Devices pin the authority (``ca_file``), so that the server's certificate can be renewed without them.
What devices run is protected by signatures, not by this: TLS keeps others from reading along.
"""

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ota_client.errors import ConfigError

AUTHORITY_LIFETIME = timedelta(days=3652)
# What public authorities were last allowed for a year's certificate; more would invite forgetting how.
SERVER_LIFETIME = timedelta(days=397)
# A device's clock may be behind.
_BACKDATED = timedelta(days=1)
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})*", re.ASCII | re.IGNORECASE)
_HOST_LONGEST = 253


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key, both PEM; the key is not encrypted."""

    certificate: bytes
    key: bytes


def new_authority(
    now: datetime,
    common_name: str = "Ratchet update server authority",
    lifetime: timedelta = AUTHORITY_LIFETIME,
) -> Issued:
    """Make an authority that may sign servers' or devices' certificates, and no other authority's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usage = key_usage(digital_signature=False, key_cert_sign=True)
    builder = (
        _begin(name, key.public_key(), now, lifetime)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return _issue(builder, signer=key, key=key)


def new_server_certificate(authority: Issued, hosts: tuple[str, ...], now: datetime) -> Issued:
    """Make a server's certificate for ``hosts``: names and addresses.

    Raises:
        ConfigError: a host is neither, there is none, or the authority's files are not what they were.
    """
    names = [_general_name(host) for host in hosts]
    if not names:
        raise ConfigError("expected one host name or address or more, got none")
    certificate, signer = _read_authority(authority)
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    builder = (
        _begin(subject, key.public_key(), now, SERVER_LIFETIME)
        .issuer_name(certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True, key_cert_sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(issuer_key, critical=False)
    )
    return _issue(builder, signer=signer, key=key)


def hosts_of(certificate_pem: bytes) -> tuple[str, ...]:
    """The names and addresses that a certificate is for.

    Raises:
        ConfigError: it is no certificate.
    """
    names = _read_certificate(certificate_pem).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return tuple(str(name.value) for name in names.value)


def expires_at(certificate_pem: bytes) -> datetime:
    """When a certificate expires, UTC.

    Raises:
        ConfigError: it is no certificate.
    """
    return _read_certificate(certificate_pem).not_valid_after_utc


def _read_certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as e:
        raise ConfigError("expected a certificate in PEM, got something else") from e


def _read_authority(authority: Issued) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate = _read_certificate(authority.certificate)
    try:
        key = load_pem_private_key(authority.key, None)
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature) as e:
        raise ConfigError("the authority: expected its certificate and unencrypted key in PEM") from e
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ConfigError("the authority: expected the certificate and the key to belong together")
    return certificate, key


def _begin(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _issue(
    builder: x509.CertificateBuilder,
    *,
    signer: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
) -> Issued:
    certificate = builder.sign(signer, hashes.SHA256())
    return Issued(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def key_usage(*, digital_signature: bool, key_cert_sign: bool) -> x509.KeyUsage:
    """What a key may do: sign in handshakes, or certify."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if len(host) > _HOST_LONGEST or not _HOST.fullmatch(host):
            raise ConfigError(
                f"expected a host name or an address such as updates.example.com or 192.0.2.7, "
                f"got {host!r}"
            ) from None
        return x509.DNSName(host)
