"""X.509 certificates in files: are they there, and for how long are they good?"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from ota_client.doctor.finding import Code, Finding, error, warning
from ota_client.formats.counted import counted

_SOON: Final = timedelta(days=30)


def examine_certificate(file: Path, now: datetime) -> Iterator[Finding]:
    """Find what is wrong with a PEM file of certificates.

    Args:
        file: the file.
        now: the time, UTC.
    """
    try:
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as e:
        what = f"{file}: expected certificates, got: {e.strerror}"
        yield error(Code.CERTIFICATE_MISSING, what, "mend the path in [network]")
        return
    except ValueError:
        what = f"{file}: expected certificates in PEM, got something else"
        yield error(Code.CERTIFICATE_MALFORMED, what, "put the certificates there in PEM")
        return
    # a bundle of authorities is good as long as one of them is
    last = max(certificate.not_valid_after_utc for certificate in certificates)
    if last < now:
        what = f"{file} expired on {last:%Y-%m-%d}: no connection is made any more"
        yield error(Code.CERTIFICATE_EXPIRED, what, "renew it")
    elif last - now < _SOON:
        what = f"{file} expires in {counted((last - now).days, 'day')}, on {last:%Y-%m-%d}"
        yield warning(Code.CERTIFICATE_EXPIRES_SOON, what, "renew it")
