"""``ota-server init``."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ota_server.cli.console import Console
from ota_server.cli.group import FOLDER, json_option

if TYPE_CHECKING:
    from ota_server.server_folder import ServerFolder

_HOSTS = ("localhost", "127.0.0.1", "::1")


@click.command("init")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--host", "hosts", multiple=True, help="A name or address of this server; may be repeated."
)
@click.option("--files-only", is_flag=True, help="Serve files and know no devices: no fleet.")
@click.option(
    "--renew", is_flag=True, help="Replace only the server's certificate; devices need nothing."
)
@click.option(
    "--force", is_flag=True, help="Replace the authority, the certificate and settings; never the fleet."
)
@json_option
@click.pass_obj
def init_command(
    console: Console, *, folder: Path, hosts: tuple[str, ...], files_only: bool, renew: bool, force: bool
) -> None:
    """Make certificates, a database and settings in DIR.

    Two authorities: devices pin the one that signed the server's certificate; the other signs theirs.
    """
    from ota_server.server_folder import ServerFolder  # noqa: PLC0415 - help must start fast

    if renew and force:
        raise click.UsageError("expected --renew or --force, got both")
    server = ServerFolder(folder)
    if renew:
        hosts = server.renew(hosts, console.now)
    else:
        hosts = hosts or _HOSTS
        server.create(hosts, console.now, fleet=not files_only, force=force)
    _say_made(console, server, hosts)


def _say_made(console: Console, server: "ServerFolder", hosts: tuple[str, ...]) -> None:
    authority, settings = server.authority_certificate, server.settings
    config = f"--config {quote(str(settings))}"
    lines = [
        f"made a certificate for {', '.join(hosts)}",
        f"devices pin {authority} (ca_file); keep {authority.with_suffix('.key')} to yourself",
    ]
    fleet = server.database.exists()
    if fleet:
        lines += [f"the fleet: {server.database}; {server.device_authority} signs devices' certificates"]
    lines += [
        "next:",
        f"  ota-sign publish --to {quote(str(server.published))}",
        f"  ota-server serve {config}",
    ]
    if fleet:
        lines += [f"  ota-server token issue PRODUCT {config}"]
    report = {"ca_file": authority, "settings": settings, "hosts": hosts, "fleet": fleet}
    console.done("\n".join(lines), report)
