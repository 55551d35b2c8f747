"""The settings of ``ota-server serve``, complete."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ota_client.errors import ConfigError
from ota_server.files.settings import BucketSettings
from ota_server.settings.fleet import FleetSettings, IdentitySource
from ota_server.settings.operators import OperatorSettings
from ota_server.settings.sources import Layers, Source, layers
from ota_server.settings.uploads import UploadSettings

_PORT_HIGHEST = 65535
# nobody can go to these
_EVERYWHERE = {None, "0.0.0.0", "::"}  # noqa: S104 - compared, not listened on


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The server's certificate chain and its unencrypted key, PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A server's settings; docs/reference/server-settings.md explains each.

    Attributes:
        published: the folder, or the link to it that ``ota-sign publish`` swaps; None with a bucket.
        tls: None means plain HTTP, which was asked for by name, or no network address at all.
        host: an address of this machine; None means the Unix socket alone.
        port: 0 means a free one.
        socket: a Unix socket for a proxy; None means none.
        reuse_port: several processes share the port; the kernel spreads connections.
        limit_concurrency: most requests at a time; more get 503.
        access_log: one line a request.
        json_log: logs as JSON lines.
        metrics: ``/metrics`` is answered on every address, not on the Unix socket and loopback alone.
        bucket: where the published files lie, if not in a folder.
        fleet: None means files only.
        operators: who steers it; None without a fleet.
        uploads: publishing over the network.
    """

    published: Path | None
    tls: TlsFiles | None
    host: str | None = "127.0.0.1"
    port: int = 8443
    socket: Path | None = None
    reuse_port: bool = False
    limit_concurrency: int = 512
    access_log: bool = True
    json_log: bool = False
    metrics: bool = False
    bucket: BucketSettings | None = None
    fleet: FleetSettings | None = None
    operators: OperatorSettings | None = None
    uploads: UploadSettings = field(default_factory=UploadSettings)

    @property
    def public_url(self) -> str:
        """Under which people reach it, without a slash at the end."""
        if self.operators is not None and self.operators.url is not None:
            return self.operators.url
        scheme = "http" if self.tls is None else "https"
        host = "localhost" if self.host in _EVERYWHERE else self.host
        return f"{scheme}://{f'[{host}]' if ':' in str(host) else host}:{self.port}"

    @classmethod
    def load(cls, flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None) -> Self:
        """Take settings from flags, the environment and a file, in this order.

        Raises:
            ConfigError: a setting is missing, unknown or wrong, or two contradict.
        """
        found = layers(flags, environ, config)
        settings = cls.unchecked(found)
        found.finish()
        _check_files(settings.published, settings.bucket)
        _check_listening(settings)
        _check_identity(settings)
        return settings

    @classmethod
    def unchecked(cls, found: Layers) -> Self:
        """Read all that the sources say; whether a server could run with it is another question."""
        defaults = cls(None, None)
        published, bucket = _files(found)
        tls, listens = _tls(found)
        host = found.given("host", found.text, defaults.host)
        proxy = found.table("proxy")
        fleet, operators = FleetSettings.read(found), OperatorSettings.read(found)
        return cls(
            published=published,
            bucket=bucket,
            tls=tls,
            host=host if listens else None,
            port=found.given("port", lambda n: found.integer(n, highest=_PORT_HIGHEST), defaults.port),
            socket=proxy.given("socket", proxy.path, None),
            reuse_port=found.switch("reuse_port", default=defaults.reuse_port),
            limit_concurrency=found.count("limit_concurrency", defaults.limit_concurrency, most=10**6),
            access_log=found.switch("access_log", default=defaults.access_log),
            json_log=found.switch("json_log", default=defaults.json_log),
            metrics=found.switch("metrics", default=defaults.metrics),
            fleet=fleet,
            operators=operators if fleet else None,
            uploads=UploadSettings.read(found),
        )


def read_fleet(environ: Mapping[str, str], config: Path | None) -> FleetSettings | None:
    """What commands need that only look at the database; None where there is no fleet.

    Raises:
        ConfigError: a setting is wrong.
    """
    return read_unchecked(environ, config).fleet


def read_unchecked(environ: Mapping[str, str], config: Path | None) -> ServerSettings:
    """What commands need beside the database: all settings, though a server might not run with them.

    Raises:
        ConfigError: a setting is wrong.
    """
    found = layers({}, environ, config)
    settings = ServerSettings.unchecked(found)
    # a misspelt name must not pass for none at all
    found.finish()
    return settings


def read_files(
    environ: Mapping[str, str], config: Path | None
) -> tuple[Path | None, BucketSettings | None]:
    """Where the published files lie, for commands: the folder, or the bucket.

    Raises:
        ConfigError: a setting is wrong, or neither is named.
    """
    published, bucket = _files(layers({}, environ, config))
    _check_files(published, bucket)
    return published, bucket


def _files(found: Layers) -> tuple[Path | None, BucketSettings | None]:
    published = found.given("published", found.path, None)
    bucket = BucketSettings.read(found.table("files"))
    return (None if bucket else published), bucket


def _check_files(published: Path | None, bucket: BucketSettings | None) -> None:
    if bucket is not None:
        return
    if published is None:
        raise ConfigError(
            "expected --config DIR/ota-server.toml, which `ota-server init DIR` makes, or at least "
            "--published DIR: the folder that `ota-sign publish` writes"
        )
    # a publisher that was killed at its first swap leaves trees without a link: the next one mends it
    if not published.is_dir() and not published.with_name(f".{published.name}").is_dir():
        raise ConfigError(
            f"--published {published}: expected a folder that can be read, got none; "
            f"`ota-sign publish --to {published}` makes it"
        )


def _check_listening(settings: ServerSettings) -> None:
    if settings.host is None and settings.socket is None:
        raise ConfigError(
            "expected a certificate: make one with `ota-server init DIR` and pass --config "
            "DIR/ota-server.toml (or your own with --certificate and --key), or serve plain HTTP with "
            "--insecure-http"
        )


def _tls(found: Layers) -> tuple[TlsFiles | None, bool]:
    """The certificate, and whether to listen on the network at all."""
    # What was typed beats what a file says: a file's certificate does not contradict a typed flag.
    said = [_tls_of(source) for source in found.sources]
    return next((one for one in said if one is not None), (None, False))


def _tls_of(source: Source) -> tuple[TlsFiles | None, bool] | None:
    def file(name: str) -> Path:
        return source.folder / source.text(name)

    certificate = source.given("certificate", file, None)
    key = source.given("key", file, None)
    insecure = source.given("insecure_http", source.flag, default=False)
    if certificate is not None:
        if insecure:
            raise ConfigError("expected either a certificate or --insecure-http, got both")
        return TlsFiles(certificate, key or certificate), True
    if key is not None:
        raise ConfigError("expected --certificate FILE with --key FILE, got the key alone")
    return (None, True) if insecure else None


def _check_identity(settings: ServerSettings) -> None:
    """Refuse an identity that nobody could vouch for: every device would be turned away."""
    identity = settings.fleet.identity if settings.fleet else IdentitySource.NONE
    if identity is IdentitySource.NATIVE and settings.tls is None:
        raise ConfigError("devices.identity: expected a certificate with 'native', got none")
    if identity is IdentitySource.PROXY and settings.socket is None:
        raise ConfigError("devices.identity: expected [proxy] socket with 'proxy', got none")
