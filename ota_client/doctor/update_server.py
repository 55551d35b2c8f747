"""The device's identity at its update server: is there one, is it private, is it renewed in time?"""

from collections.abc import Iterator

from ota_client.disk.storage import DiskStorage
from ota_client.doctor.finding import Code, Finding, error, warning
from ota_client.doctor.system import Setup
from ota_client.errors import ConfigError, NotAuthorisedError
from ota_client.fleet.identity import Identity


def examine_update_server(setup: Setup) -> Iterator[Finding]:
    """Find what is wrong with the ``[server]`` table and the device's identity."""
    server = setup.config.server
    if server is None:
        return
    if server.url.startswith("http:"):
        what = f"{server.url} is plain HTTP: anybody on the way can read and pose as this device"
        yield error(Code.PLAIN_HTTP, what, "take an https:// address, and remove network.insecure_http")
    identity = identity_of(setup)
    if identity is None:
        what = "there is a [server] table, and the device is not enrolled there"
        yield warning(Code.SERVER_NOT_ENROLLED, what, "ota-client enroll")
        return
    yield from _identity(setup, identity)


def identity_of(setup: Setup) -> Identity | None:
    """The device's identity, if it has one."""
    folder = setup.config.state_dir / "identity"
    identity = Identity(DiskStorage(), folder)
    return identity if folder.is_dir() and identity.enrolled else None


def _identity(setup: Setup, identity: Identity) -> Iterator[Finding]:
    from ota_client.fleet.enrolment import read_certificate  # noqa: PLC0415 cryptography is large

    file = identity.file
    if mode := file.stat().st_mode & 0o077:
        what = f"{file} has mode {0o600 | mode:04o}: others may read the device's private key"
        yield error(Code.KEY_READABLE, what, f"chmod 0600 {file}")
    try:
        certificate = read_certificate(identity.read())
    except (ConfigError, NotAuthorisedError):
        what = f"{file}: expected the device's certificate, got something else"
        yield error(Code.CERTIFICATE_MALFORMED, what, "ota-client enroll --force")
        return
    expires_at, renewal_at = certificate.expires_at, certificate.renewal_at
    if expires_at < setup.now:
        what = f"{file} expired on {expires_at:%Y-%m-%d}: the update server takes no connection"
        yield error(Code.CERTIFICATE_EXPIRED, what, "ota-client enroll, with a new token")
    elif setup.now > renewal_at + (expires_at - renewal_at) / 2:
        what = (
            f"{file} should have been renewed on {renewal_at:%Y-%m-%d}; it expires {expires_at:%Y-%m-%d}"
        )
        way_out = "see why the agent cannot; ota-client enroll --renew tries it now"
        yield warning(Code.SERVER_RENEWAL_OVERDUE, what, way_out)
