"""TLS as a device speaks it: 1.2 or newer, certificates always checked."""

import ssl

from ota_client.errors import ConfigError
from ota_client.network.answer import cause
from ota_client.network.settings import HttpSettings


def client_context(settings: HttpSettings) -> ssl.SSLContext:
    """Make the context that every connection uses.

    Raises:
        ConfigError: a certificate or key file cannot be read.
    """
    cafile = None if settings.ca_file is None else str(settings.ca_file)
    try:
        # It requires a certificate and a matching name.
        context = ssl.create_default_context(cafile=cafile)
    except OSError as e:
        raise ConfigError(f"ca_file {cafile}: expected certificates in PEM, got: {cause(e)}") from e
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.client_certificate is not None:
        _load_identity(context, settings)
    return context


def _load_identity(context: ssl.SSLContext, settings: HttpSettings) -> None:
    certificate = settings.client_certificate
    key = settings.client_key or certificate
    try:
        # An empty password: OpenSSL would otherwise ask for one on the terminal.
        context.load_cert_chain(str(certificate), str(key), password="")
    except OSError as e:
        raise ConfigError(
            f"client_certificate {certificate} and client_key {key}: expected a certificate and its "
            f"unencrypted key in PEM, got: {cause(e)}"
        ) from e
