"""What the settings say that takes protection away."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from ota_client.doctor.finding import Finding, Severity, note, warning
from ota_server.doctor.finding import Code
from ota_server.doctor.setup import Setup
from ota_server.settings import ServerSettings
from ota_server.settings.fleet import IdentitySource
from ota_server.settings.notifications import MailSecurity

_HERE = {"127.0.0.1", "::1", "localhost"}


def examine_settings(setup: Setup) -> Iterator[Finding]:
    """Find what was asked for by name and is not safe."""
    settings = setup.settings
    if settings.host is not None and settings.tls is None:
        local = settings.host in _HERE
        what = f"plain HTTP is served on {settings.host}: whoever listens reads along (B09)"
        severity = Severity.WARNING if local else Severity.ERROR
        yield Finding(Code.PLAIN_HTTP, severity, what, "set `certificate`; `ota-server init` makes one")
    if settings.metrics:
        what = "/metrics is answered to everybody: it tells how many devices there are and what they do"
        yield warning(Code.METRICS_FOR_ALL, what, "take `metrics` out: this machine may still collect")
    if settings.bucket is not None and settings.bucket.insecure_http_endpoint:
        what = "the bucket may be reached by plain HTTP: whoever is in between reads and replaces files"
        yield warning(Code.PLAIN_BUCKET, what, "take `insecure_http_endpoint` out of [files]")
    yield from _people(setup)
    fleet = settings.fleet
    if fleet is None:
        return
    if fleet.identity is IdentitySource.NONE:
        what = "nobody vouches for devices' certificates: every device is turned away (B14)"
        yield warning(Code.IDENTITY_NONE, what, "set `identity` in [devices] to native or proxy")
    if fleet.root is None:
        what = "the first published root is believed: whoever can write there can replace it"
        yield note(Code.ROOT_NOT_PINNED, what, "copy 1.root.json elsewhere, and set `root` to it")


def _public_url(settings: ServerSettings) -> Iterator[Finding]:
    """People come from elsewhere: over the network, or through the proxy at a Unix socket."""
    if settings.host in _HERE or urlsplit(settings.public_url).hostname not in _HERE:
        return
    what = f"links in mails and invitations say {settings.public_url}, and people come from elsewhere"
    way_out = "set `url` in [operators] to the address under which they reach the server"
    yield warning(Code.PUBLIC_URL_LOCAL, what, way_out)


def _people(setup: Setup) -> Iterator[Finding]:
    people = setup.settings.operators
    if people is None:
        return
    yield from _public_url(setup.settings)
    if people.notifications.insecure_http_webhooks:
        what = "webhooks may go by plain HTTP: whoever listens learns of every event"
        yield warning(Code.PLAIN_WEBHOOKS, what, "take `insecure_http_webhooks` out of [notifications]")
    if people.mail is not None and people.mail.security is MailSecurity.NONE:
        what = "mail goes to its server in plain: whoever listens reads it, and the password"
        yield warning(Code.PLAIN_MAIL, what, "set `security` in [mail] to starttls or tls")
