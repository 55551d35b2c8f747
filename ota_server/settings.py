"""What ``ota-server serve`` needs to know: flags and environment first, then a file, then defaults."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ota_client.errors import ConfigError
from ota_client.formats.strict import Fields

T = TypeVar("T")

_PORT_HIGHEST = 65535
_FILE_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What one source says; None where it says nothing."""

    published: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    host: str | None = None
    port: int | None = None
    insecure_http: bool | None = None
    limit_concurrency: int | None = None
    access_log: bool | None = None
    json_log: bool | None = None


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The server's certificate chain and its unencrypted key, PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A server's settings, complete.

    Attributes:
        published: the folder, or the link to it that ``ota-sign publish`` swaps.
        tls: None means plain HTTP, which was asked for by name.
        host: an address of this machine.
        port: 0 means a free one.
        limit_concurrency: most requests at a time; more get 503.
        access_log: one line a request.
        json_log: logs as JSON lines.
    """

    published: Path
    tls: TlsFiles | None
    host: str = "127.0.0.1"
    port: int = 8443
    limit_concurrency: int = 512
    access_log: bool = True
    json_log: bool = False


def merged(given: ServerOptions, file: ServerOptions) -> ServerSettings:
    """Complete what was given by what the file says and by defaults.

    Raises:
        ConfigError: the published folder or the certificate is missing, or options contradict.
    """
    published = given.published or file.published
    if published is None:
        raise ConfigError(
            "expected --published DIR (or published in --config): the folder that "
            "`ota-sign publish` writes"
        )
    if not published.is_dir():
        raise ConfigError(f"--published {published}: expected a folder that can be read, got none")
    defaults = ServerSettings(published, None)
    return ServerSettings(
        published=published,
        tls=_tls(given, file),
        host=_first(given.host, file.host, defaults.host),
        port=_first(given.port, file.port, defaults.port),
        limit_concurrency=_first(
            given.limit_concurrency, file.limit_concurrency, defaults.limit_concurrency
        ),
        access_log=_first(given.access_log, file.access_log, defaults.access_log),
        json_log=_first(given.json_log, file.json_log, defaults.json_log),
    )


def read_file(path: Path) -> ServerOptions:
    """Read ``ota-server.toml``; its paths are relative to its own folder.

    Raises:
        ConfigError: it cannot be read, or a field is unknown or wrong.
    """
    try:
        data = path.read_bytes()[:_FILE_MOST_BYTES]
        fields = Fields(tomllib.loads(data.decode()), str(path), ConfigError)
    except OSError as e:
        raise ConfigError(f"--config {path} cannot be read: {e.strerror}") from e
    except ValueError as e:
        raise ConfigError(f"--config {path}: expected TOML, got {str(e).splitlines()[0]}") from e

    def file(name: str) -> Path:
        return path.parent / fields.text(name)

    options = ServerOptions(
        published=fields.given("published", file, None),
        certificate=fields.given("certificate", file, None),
        key=fields.given("key", file, None),
        host=fields.given("host", fields.text, None),
        port=fields.given("port", lambda name: fields.integer(name, highest=_PORT_HIGHEST), None),
        insecure_http=fields.given("insecure_http", fields.flag, None),
        limit_concurrency=fields.given(
            "limit_concurrency", lambda name: fields.integer(name, lowest=1), None
        ),
        access_log=fields.given("access_log", fields.flag, None),
        json_log=fields.given("json_log", fields.flag, None),
    )
    fields.finish()
    return options


def _tls(given: ServerOptions, file: ServerOptions) -> TlsFiles | None:
    # What was typed beats what a file says: a file's certificate does not contradict a typed flag.
    for options in (given, file):
        if options.certificate is not None:
            if options.insecure_http:
                raise ConfigError("expected either a certificate or --insecure-http, got both")
            return TlsFiles(options.certificate, options.key or options.certificate)
        if options.key is not None:
            raise ConfigError("expected --certificate FILE with --key FILE, got the key alone")
        if options.insecure_http:
            return None
    raise ConfigError(
        "expected a certificate: make one with `ota-server init DIR` and pass --config "
        "DIR/ota-server.toml (or your own with --certificate and --key), or serve plain HTTP with "
        "--insecure-http"
    )


def _first(*values: T | None) -> T:
    return next(value for value in values if value is not None)
