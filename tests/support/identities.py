"""Devices' keys, requests and certificates, and the operator's authorities, made for tests."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ota_server.authority import Issued, new_authority
from ota_server.devices.authority import DeviceAuthority, new_device_authority
from ota_server.devices.enrolment import EnrolRequest
from ota_server.devices.identity import hash_of_key
from ota_server.devices.signing_request import read_request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def subject(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def request_pem(key, name):
    algorithm = None if "25519" in type(key).__name__ else hashes.SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject(name))
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


def der(pem):
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


@dataclass
class Factory:
    """An operator's factory, with an authority of its own."""

    issued: Issued

    @classmethod
    def new(cls, now=NOW, name="Factory"):
        return cls(new_authority(now, name))

    def key(self):
        return load_pem_private_key(self.issued.key, None)

    @property
    def certificate(self):
        return x509.load_pem_x509_certificate(self.issued.certificate)

    def make(self, key, name, *, now=NOW, days=3650, usage=ExtendedKeyUsageOID.CLIENT_AUTH, ca=False):
        """A certificate in DER."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject(name))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(self.key(), hashes.SHA256()).public_bytes(Encoding.DER)


def make_device_authority(folder: Path, *, factories=(), now=NOW, lifetime=timedelta(days=365)):
    """Write the files of a device authority, and read them as the server does."""
    issued = new_device_authority(now)
    (folder / "device-ca.pem").write_bytes(issued.certificate)
    (folder / "device-ca.key").write_bytes(issued.key)
    for number, factory in enumerate(factories):
        (folder / f"factory-{number}.pem").write_bytes(factory.issued.certificate)
    return DeviceAuthority.load(
        folder / "device-ca.pem",
        folder / "device-ca.key",
        factories=[folder / f"factory-{number}.pem" for number in range(len(factories))],
        lifetime=lifetime,
        now=now,
    )


@dataclass
class Identity:
    """A device as it sees itself: its name and its key."""

    device_id: str
    key: ec.EllipticCurvePrivateKey
    product: str = "camera"
    hardware_id: str = "cam-v2"

    @classmethod
    def new(cls, device_id, **named):
        return cls(device_id, new_key(), **named)

    @property
    def key_sha256(self):
        return hash_of_key(self.key.public_key())

    def request(self, *, token=None, factory_der=None):
        csr = request_pem(self.key, self.device_id)
        return EnrolRequest(token, factory_der, self.device_id, self.product, self.hardware_id, csr)

    def certificate(self, authority, now=NOW):
        """Certified without enrolment."""
        csr = read_request(request_pem(self.key, self.device_id), self.device_id)
        return authority.sign(csr, self.device_id, now)

    def write(self, folder: Path, pem: str):
        """One PEM file with certificate and key, for TLS."""
        path = folder / f"{self.device_id}.pem"
        path.write_bytes(pem.encode() + key_pem(self.key))
        return path
