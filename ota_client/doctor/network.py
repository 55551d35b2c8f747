"""The way to the repository: addresses, certificates, the private key."""

from collections.abc import Iterator
from pathlib import Path

from ota_client.doctor.finding import Code, Finding, error, note, warning
from ota_client.doctor.system import Setup
from ota_client.errors import OtaError


def examine_network(setup: Setup) -> Iterator[Finding]:
    """Find what is wrong with the network's settings and their files."""
    from ota_client.doctor.certificates import examine_certificate  # noqa: PLC0415 cryptography is large

    config, http = setup.config, setup.config.http
    plain = [url for url in config.urls if url.startswith("http:")]
    if plain:
        what = f"{plain[0]} is plain HTTP: whoever listens sees what the device runs"
        yield error(Code.PLAIN_HTTP, what, "take https:// addresses, and remove network.insecure_http")
    elif http.insecure_http:
        what = "network.insecure_http is set and not needed"
        yield warning(Code.PLAIN_HTTP, what, "remove it")
    if len(config.urls) == 1:
        what = "there is one address: a repository that cannot be reached stops updates"
        yield note(Code.ONE_URL, what, "add a mirror to urls (A19)")
    for file in (http.ca_file, http.client_certificate):
        if file is not None:
            yield from examine_certificate(file, setup.now)
    if http.client_certificate is not None:
        yield from _identity(setup, http.client_key or http.client_certificate)


def _identity(setup: Setup, key: Path) -> Iterator[Finding]:
    from ota_client.network.tls import client_context  # noqa: PLC0415 only who has a certificate pays

    try:
        mode = key.stat().st_mode
    except OSError as e:
        what = f"{key}: expected the client certificate's key, got: {e.strerror}"
        yield error(Code.CERTIFICATE_MISSING, what, "mend network.client_key")
        return
    if mode & 0o077:
        what = f"{key} has mode {mode & 0o7777:04o}: others may read the device's private key"
        yield error(Code.KEY_READABLE, what, f"chmod 0600 {key}")
    try:
        client_context(setup.config.http)
    except OtaError as e:
        yield error(Code.CERTIFICATE_MISMATCH, str(e), "give the device a certificate and its own key")
