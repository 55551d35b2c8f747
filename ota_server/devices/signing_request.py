"""What a device asks to be certified: its public key under its device id (PKCS#10, RFC 2986)."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from ota_server.devices.identity import UNREADABLE, common_name, hash_of_key
from ota_server.errors import InvalidError

_MOST_BYTES = 16 * 1024
_RSA_LEAST_BITS = 3072
_RSA_MOST_BITS = 4096
_CURVES = (ec.SECP256R1, ec.SECP384R1)


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A request whose sender holds the private key, as its signature shows.

    Nothing else of it is kept: what it asks for in extensions is the authority's to decide.
    """

    key: CertificatePublicKeyTypes
    key_sha256: str


def read_request(pem: str, device_id: str) -> SigningRequest:
    """Read a request for ``device_id``.

    Raises:
        InvalidError: it is none, is not signed by its own key, is for another name, or its key is too
            weak or of another kind.
    """
    if len(pem) > _MOST_BYTES:
        raise InvalidError(f"csr: expected at most {_MOST_BYTES} characters, got {len(pem)}")
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = request.public_key()
        signed = request.is_signature_valid
        name = common_name(request.subject)
    except UNREADABLE as e:
        raise InvalidError("csr: expected a certificate signing request in PEM, got another text") from e
    if not signed:
        raise InvalidError(
            "csr: expected a request that is signed by its own key, got another signature"
        )
    if name != device_id:
        raise InvalidError(f"csr: expected the one name CN={device_id} in its subject, got another")
    if not _is_strong(key):
        raise InvalidError(
            "csr: expected a key on P-256, P-384 or Ed25519, or RSA of 3072 to 4096 bits, got another"
        )
    return SigningRequest(key, hash_of_key(key))


def _is_strong(key: CertificatePublicKeyTypes) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        # the upper bound is the server's: a longer key makes each handshake dear (B07)
        return _RSA_LEAST_BITS <= key.key_size <= _RSA_MOST_BITS
    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(key.curve, _CURVES)
    return isinstance(key, ed25519.Ed25519PublicKey)
