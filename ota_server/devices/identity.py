"""Who a device is: the sha256 of its public key, and nothing that it says of itself (B03, B04).

The key outlives its certificates: a renewal keeps it. Hashed is the SubjectPublicKeyInfo (RFC 5280,
section 4.1.2.7) in the one form that we write it in, so that no key has two identities.
"""

import hashlib
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from ota_server.devices.remembered import remembered
from ota_server.errors import UnauthenticatedError

# What the library raises for a certificate or request that is not what it should be. It reads many parts
# only when they are asked for, so each reading needs it.
UNREADABLE: Final = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@remembered
def key_sha256(certificate_der: bytes) -> str:
    """The identity of whoever holds the certificate's private key, in hexadecimal.

    Raises:
        UnauthenticatedError: it is no certificate, or its key is of a kind that nobody reads.
    """
    try:
        return hash_of_key(_read(certificate_der).public_key())
    except UNREADABLE as e:
        raise UnauthenticatedError("the client certificate's key cannot be read") from e


def hash_of_key(key: PublicKeyTypes) -> str:
    """The same of a public key."""
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def subject_id(certificate_der: bytes) -> str:
    """The name that the certificate was issued to: its one CN; for enrolment and for people.

    Raises:
        UnauthenticatedError: it is no certificate, or has no single CN.
    """
    try:
        name = common_name(_read(certificate_der).subject)
    except UNREADABLE:
        name = None
    if name is None:
        raise UnauthenticatedError("the client certificate: expected one CN in its subject")
    return name


def common_name(subject: x509.Name) -> str | None:
    """The one CN of a subject; None if there is none, several, or one that is no text."""
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    value = names[0].value if len(names) == 1 else None
    return value if isinstance(value, str) else None


def _read(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except UNREADABLE as e:
        raise UnauthenticatedError("the client certificate cannot be read") from e
