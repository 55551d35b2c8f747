"""The running server, asked as a stranger would: what TLS it speaks, and what it tells without leave."""

from collections.abc import Generator, Iterator
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ota_client.doctor.finding import Finding, error, note, warning
from ota_server.doctor.certificates import examine_certificate
from ota_server.doctor.finding import Code
from ota_server.doctor.setup import Handshake, Probe, Setup

_OLD: Final = ("TLSv1", "TLSv1.1")
# without forward secrecy, or without authentication of what is encrypted
_WEAK: Final = {
    "RSA key exchange": "kRSA:@SECLEVEL=0",
    "CBC": "ECDHE+AES:ECDHE+SHA:!AESGCM:!AESCCM:!CHACHA20:@SECLEVEL=0",
    "no encryption": "eNULL:aNULL:@SECLEVEL=0",
}
_REFUSED: Final = frozenset({401, 403, 404, 405, 415, 429})
_AWAY: Final = frozenset({301, 302, 303, 307, 308})
# files that lie beside the published folder, and must not be served with it
_FILES: Final = (("GET", "/ota-server.toml"), ("GET", "/fleet.db"), ("GET", "/server.key"))


def examine_tls(setup: Setup) -> Iterator[Finding]:
    """Find old versions and weak ciphers, by really offering them: here, and at what stands in front."""
    if setup.probe is not None and setup.settings.tls is not None:
        found = yield from _examine_tls(setup.probe, "this server")
        if found is not None:
            yield from _examine_served(setup, found.certificate_der)
    if setup.outside is not None:
        name = setup.settings.public_url
        found = yield from _examine_tls(setup.outside, name)
        if found is not None:
            certificate = x509.load_der_x509_certificate(found.certificate_der)
            yield from examine_certificate(certificate, f"the certificate of {name}", setup.now)


def _examine_tls(probe: Probe, name: str) -> Generator[Finding, None, Handshake | None]:
    """Returns what it answers to somebody who offers what is safe; None for nothing."""
    try:
        found = probe.handshake()
    except OSError as e:
        yield _unreachable(e, name)
        return None
    if found is None:
        yield error(Code.TLS_OLD, f"{name} refuses every TLS that is safe", "look at the server's log")
        return None
    for version in _OLD:
        if probe.handshake(newest=version, ciphers="ALL:@SECLEVEL=0") is not None:
            what = f"{name} speaks {version}, which is broken (RFC 8996)"
            yield error(Code.TLS_OLD, what, "take TLS 1.0 and 1.1 out of the proxy's settings")
    for kind, ciphers in _WEAK.items():
        if probe.handshake(newest="TLSv1.2", ciphers=ciphers) is not None:
            what = f"{name} takes ciphers with {kind}"
            yield error(Code.TLS_WEAK_CIPHER, what, "allow ECDHE with AES-GCM or ChaCha20 alone")
    return found


def examine_routes(setup: Setup) -> Iterator[Finding]:
    """Find what the server tells, or does, for one who shows nothing."""
    if setup.probe is None:
        return
    for method, path in (*setup.routes, *_FILES):
        try:
            status = setup.probe.status(method, path)
        except OSError as e:
            yield _unreachable(e)
            return
        if status not in _REFUSED | _AWAY:
            what = f"{method} {path} without a credential: expected a refusal, got status {status}"
            yield error(Code.ROUTE_OPEN, what, "let nobody reach it but through this server's own doors")


def _examine_served(setup: Setup, der: bytes) -> Iterator[Finding]:
    tls = setup.settings.tls
    if tls is None:
        return
    try:
        file = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
    except (OSError, ValueError):
        # told by the certificates' own subject
        return
    if file.public_bytes(Encoding.DER) != der:
        what = f"another certificate is served than {tls.certificate} holds"
        yield warning(Code.CERTIFICATE_NOT_SERVED, what, "send SIGHUP, or look who listens there")


def _unreachable(e: OSError, name: str = "this server") -> Finding:
    what = f"{name} does not answer, so it was not asked: {e.strerror or e}"
    return note(Code.SERVER_UNREACHABLE, what, "start it, and run doctor again")
