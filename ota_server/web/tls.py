"""TLS as the server speaks it."""

import logging
import ssl
from datetime import datetime, timedelta

from ota_client.errors import ConfigError
from ota_server.authority import expires_at
from ota_server.settings import TlsFiles

_log = logging.getLogger(__name__)

# TLS 1.2: forward secrecy and AEAD only. TLS 1.3 has no others.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_WARN_AHEAD = timedelta(days=30)


def server_context(
    files: TlsFiles, now: datetime, client_authorities: str | None = None
) -> ssl.SSLContext:
    """Make the context that every connection uses; warns if the certificate expires soon.

    Args:
        files: the server's own certificate and key.
        now: UTC.
        client_authorities: who issues client certificates, PEM; None asks clients for none.

    Raises:
        ConfigError: certificate or key cannot be read, do not belong together, are not in PEM, or the
            certificate has expired.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    for path in (files.certificate, files.key):
        try:
            path.open("rb").close()
        except OSError as e:
            raise ConfigError(f"{path} cannot be read: {e.strerror}") from e
    try:
        # An empty password: OpenSSL would otherwise ask for one on the terminal.
        context.load_cert_chain(files.certificate, files.key, password="")
    except ssl.SSLError as e:
        reason = (e.reason or "not PEM").replace("_", " ").lower()
        raise ConfigError(
            f"{files.certificate} and {files.key}: expected a certificate and its unencrypted key "
            f"in PEM, got: {reason}"
        ) from e
    _check_expiry(files, now)
    if client_authorities is not None:
        _ask_for_certificates(context, client_authorities)
    return context


def _ask_for_certificates(context: ssl.SSLContext, authorities: str) -> None:
    """Ask, and go on without: files and enrolment need none. A wrong one ends the handshake.

    Sessions are resumed by tickets that this context alone can open, so a session keeps the certificate
    that it was made with, or none. Python sets the session id context that OpenSSL demands for it.
    """
    context.load_verify_locations(cadata=authorities)
    context.verify_mode = ssl.CERT_OPTIONAL
    # a factory's issuing authority is an anchor, though its own issuer is not known here
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # who a connection belongs to is settled once (B03)
    context.options |= ssl.OP_NO_RENEGOTIATION


def _check_expiry(files: TlsFiles, now: datetime) -> None:
    end = expires_at(files.certificate.read_bytes())
    if end <= now:
        raise ConfigError(
            f"{files.certificate} expired on {end:%Y-%m-%d}: devices would refuse this server; "
            f"renew it, with `ota-server init DIR --renew` if init made it"
        )
    if end - now < _WARN_AHEAD:
        _log.warning("%s expires on %s: renew it", files.certificate, f"{end:%Y-%m-%d}")
