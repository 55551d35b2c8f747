"""Certificates: the server's own, and those of the authorities that vouch for devices."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ota_client.doctor.finding import Finding, error, warning
from ota_client.formats.counted import counted
from ota_server.doctor.finding import Code
from ota_server.doctor.setup import Setup

_SOON: Final = timedelta(days=30)
_AUTHORITY_SOON: Final = timedelta(days=365)
_RSA_LEAST_BITS: Final = 2048
_EC_LEAST_BITS: Final = 256


def examine_certificates(setup: Setup) -> Iterator[Finding]:
    """Find those that cannot be read, end soon, or have a weak key."""
    settings = setup.settings
    if settings.tls is not None:
        way_out = "renew it, with `ota-server init DIR --renew` if init made it, and send SIGHUP"
        yield from _examine(settings.tls.certificate, setup.now, _SOON, way_out)
    fleet = settings.fleet
    if fleet is None:
        return
    way_out = "make a new authority; devices renew with it (docs/how-to/enrol-devices.md)"
    for path in (fleet.authority, *fleet.factory_authorities):
        yield from _examine(path, setup.now, _AUTHORITY_SOON, way_out)


def _examine(path: Path, now: datetime, soon: timedelta, way_out: str) -> Iterator[Finding]:
    try:
        first = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except OSError as e:
        what = f"{path} cannot be read: {e.strerror}"
        yield error(Code.CERTIFICATE_UNREADABLE, what, "mend the path in the settings, or the file")
        return
    except ValueError:
        what = f"{path}: expected certificates in PEM, got something else"
        yield error(Code.CERTIFICATE_UNREADABLE, what, "put the certificates there in PEM")
        return
    yield from examine_certificate(first, str(path), now, soon, way_out)


def examine_certificate(
    certificate: x509.Certificate,
    name: str,
    now: datetime,
    soon: timedelta = _SOON,
    way_out: str = "renew it where it is served",
) -> Iterator[Finding]:
    """Find that one ends soon, or has a weak key."""
    end = certificate.not_valid_after_utc
    if end <= now:
        yield error(Code.CERTIFICATE_EXPIRED, f"{name} expired on {end:%Y-%m-%d}", way_out)
    elif end - now < soon:
        what = f"{name} expires in {counted((end - now).days, 'day')}, on {end:%Y-%m-%d}"
        yield warning(Code.CERTIFICATE_EXPIRES_SOON, what, way_out)
    if bits := _weak_bits(certificate):
        what = f"{name} has a key of {bits} bits, which can be guessed in the end"
        yield error(Code.CERTIFICATE_WEAK_KEY, what, "make a key of ECDSA P-256, or RSA of 3072 bits")


def _weak_bits(certificate: x509.Certificate) -> int:
    """How many bits the key has if they are too few; else 0."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size if key.key_size < _RSA_LEAST_BITS else 0
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.key_size if key.curve.key_size < _EC_LEAST_BITS else 0
    return 0
