"""``ota-server``: parse, call, render; errors become exit codes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

import click

from ota_client.errors import OtaError
from ota_server.settings import ServerOptions, merged, read_file

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_AS_JSON = "ota_server.as_json"
_EPILOG = (
    "Exit codes: 0 done, 1 the address cannot be listened on, 2 usage or settings. Shell completion: "
    'eval "$(_OTA_SERVER_COMPLETE=bash_source ota-server)" (or zsh_source, fish_source).'
)
_HOSTS = ("localhost", "127.0.0.1", "::1")


class _Group(click.Group):
    """Turns our errors into one sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except OtaError as e:
            click.echo(f"ota-server: {e} [{e.code}]", err=True)
            if ctx.meta.get(_AS_JSON):
                error = {"code": e.code, "message": str(e), "retryable": e.retryable}
                click.echo(json.dumps({"error": error}, indent=2))
            ctx.exit(e.exit_code)


def _remember(context: click.Context, _: click.Parameter, value: object) -> object:
    context.meta[_AS_JSON] = value
    return value


@click.group(cls=_Group, epilog=_EPILOG, context_settings={"max_content_width": 100})
@click.version_option(package_name="ratchet-ota")
def main() -> None:
    """Serve what `ota-sign publish` wrote to devices.

    This server is untrusted by design: it holds no release key, and devices verify every byte.
    """


@main.command()
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option(
    "--host", "hosts", multiple=True, help="A name or address of this server; may be repeated."
)
@click.option(
    "--renew", is_flag=True, help="Replace only the server's certificate; devices need nothing."
)
@click.option("--force", is_flag=True, help="Replace everything that is there, the authority as well.")
@click.option("--json", "as_json", is_flag=True, callback=_remember, help="Report as JSON on stdout.")
def init(folder: Path, hosts: tuple[str, ...], renew: bool, force: bool, as_json: bool) -> None:
    """Make a local certificate authority, a server certificate and settings in DIR."""
    from ota_server.server_folder import ServerFolder  # noqa: PLC0415 - help must start fast

    if renew and force:
        raise click.UsageError("expected --renew or --force, got both")
    server = ServerFolder(folder)
    now = datetime.now(UTC)
    if renew:
        hosts = server.renew(hosts, now)
    else:
        hosts = hosts or _HOSTS
        server.create(hosts, now, force=force)
    _say_made(server.authority_certificate, server.settings, hosts, as_json=as_json)


def _say_made(authority: Path, settings: Path, hosts: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        report = {"ca_file": str(authority), "settings": str(settings), "hosts": list(hosts)}
        click.echo(json.dumps(report))
    click.echo(
        f"made a certificate for {', '.join(hosts)}\n"
        f"devices pin {authority} (ca_file); keep {authority.with_suffix('.key')} to yourself\n"
        f"next:\n"
        f"  ota-sign publish --to {quote(str(settings.parent / 'published'))}\n"
        f"  ota-server serve --config {quote(str(settings))}",
        err=as_json,
    )


@main.command(context_settings={"auto_envvar_prefix": "OTA_SERVER"})
@click.option("--published", type=_FOLDER, help="The folder that `ota-sign publish` writes.")
@click.option("--config", type=_FILE, help="Settings, such as the ota-server.toml that init makes.")
@click.option("--certificate", type=_FILE, help="The server's certificate chain, PEM.")
@click.option("--key", type=_FILE, help="Its unencrypted private key, PEM.")
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 for a free one.  [default: 8443]")
@click.option(
    "--insecure-http", is_flag=True, default=None, help="Serve plain HTTP: whoever listens reads along."
)
@click.option(
    "--limit-concurrency", type=click.IntRange(1), help="Most requests at a time.  [default: 512]"
)
@click.option("--access-log/--no-access-log", default=None, help="One line a request.  [default: on]")
@click.option("--json-log", is_flag=True, default=None, help="Logs as JSON lines.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    callback=_remember,
    help="Say as JSON, on stdout, where the server listens.",
)
def serve(
    published: Path | None,
    config: Path | None,
    certificate: Path | None,
    key: Path | None,
    host: str | None,
    port: int | None,
    insecure_http: bool | None,
    limit_concurrency: int | None,
    access_log: bool | None,
    json_log: bool | None,
    as_json: bool,
) -> None:
    """Serve the published files over HTTPS until SIGTERM.

    Flags come first, then OTA_SERVER_... variables such as OTA_SERVER_PORT, then --config.
    """
    from ota_server import logs  # noqa: PLC0415 - help must start fast
    from ota_server.web.server import serve as run  # noqa: PLC0415 - help must start fast

    given = ServerOptions(
        published, certificate, key, host, port, insecure_http, limit_concurrency, access_log, json_log
    )
    settings = merged(given, read_file(config) if config else ServerOptions())
    logs.configure(as_json=settings.json_log)

    def ready(address: str) -> None:
        click.echo(json.dumps({"ready": address}) if as_json else f"ready: {address}")

    run(settings, datetime.now(UTC), on_ready=ready)
