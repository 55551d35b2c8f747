"""``ota-server serve``."""

import json
import os
from pathlib import Path

import click

from ota_server.cli.console import Console
from ota_server.cli.group import FILE, FOLDER, config_option, json_option
from ota_server.settings import ServerSettings


@click.command("serve")
@click.option("--published", type=FOLDER, help="The folder that `ota-sign publish` writes.")
@click.option("--certificate", type=FILE, help="The server's certificate chain, PEM.")
@click.option("--key", type=FILE, help="Its unencrypted private key, PEM.")
@click.option("--database", help="The fleet's database: sqlite:///FILE or postgresql://USER@HOST/NAME.")
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 for a free one.  [default: 8443]")
@click.option("--reuse-port", is_flag=True, default=None, help="Share the port with other processes.")
@click.option(
    "--insecure-http", is_flag=True, default=None, help="Serve plain HTTP: whoever listens reads along."
)
@click.option(
    "--limit-concurrency", type=click.IntRange(1), help="Most requests at a time.  [default: 512]"
)
@click.option("--access-log/--no-access-log", default=None, help="One line a request.  [default: on]")
@click.option("--json-log", is_flag=True, default=None, help="Logs as JSON lines.")
@click.option(
    "--metrics", is_flag=True, default=None, help="Answer /metrics to all, not to this machine alone."
)
@config_option
@json_option
@click.pass_obj
def serve_command(console: Console, /, **flags: Path | str | int | bool | None) -> None:
    """Serve devices and the published files until SIGTERM.

    Flags come first, then OTA_SERVER_... variables such as OTA_SERVER_PORT, then --config.
    """
    from ota_server import logs  # noqa: PLC0415 - help must start fast
    from ota_server.web.server import serve  # noqa: PLC0415 - as above

    settings = ServerSettings.load(flags, os.environ, console.config)
    logs.configure(as_json=settings.json_log)

    def ready(address: str) -> None:
        click.echo(json.dumps({"ready": address}) if console.as_json else f"ready: {address}")

    serve(settings, console.now, on_ready=ready)
