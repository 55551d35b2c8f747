"""``ota-server init``."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ota_server.cli.console import Console, account
from ota_server.cli.group import FOLDER, json_option

if TYPE_CHECKING:
    from ota_server.server_folder import FirstLink, ServerFolder

_HOSTS = ("localhost", "127.0.0.1", "::1")


@click.command("init")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--host", "hosts", multiple=True, help="A name or address of this server; may be repeated."
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8443,
    show_default=True,
    help="Where it serves: stands in the settings, and in links.",
)
@click.option("--files-only", is_flag=True, help="Serve files and know no devices: no fleet.")
@click.option(
    "--renew", is_flag=True, help="Replace only the server's certificate; devices need nothing."
)
@click.option(
    "--force", is_flag=True, help="Replace the authority, the certificate and settings; never the fleet."
)
@click.option("--operator", metavar="NAME", help="The first operator.  [default: admin]")
@json_option
@click.pass_obj
def init_command(
    console: Console,
    *,
    folder: Path,
    hosts: tuple[str, ...],
    port: int,
    files_only: bool,
    renew: bool,
    force: bool,
    operator: str | None,
) -> None:
    """Make certificates, a database and settings in DIR, and a link for the first operator.

    Two authorities: devices pin the one that signed the server's certificate; the other signs theirs.
    """
    from ota_server.server_folder import ServerFolder  # noqa: PLC0415 - help must start fast

    if renew and force:
        raise click.UsageError("expected --renew or --force, got both")
    if operator is not None and (files_only or renew):
        raise click.UsageError("expected --operator where a fleet is made, got --files-only or --renew")
    server, link = ServerFolder(folder), None
    if renew:
        hosts = server.renew(hosts, console.now)
    else:
        hosts = hosts or _HOSTS
        link = server.create(
            hosts,
            console.now,
            fleet=not files_only,
            force=force,
            operator=operator or "admin",
            account=account(),
            port=port,
        )
    _say_made(console, server, hosts, link, is_renewed=renew)


def _say_made(
    console: Console,
    server: "ServerFolder",
    hosts: tuple[str, ...],
    link: "FirstLink | None",
    *,
    is_renewed: bool,
) -> None:
    authority, settings = server.authority_certificate, server.settings
    config = f"--config {quote(str(settings))}"
    lines = [
        f"made a certificate for {', '.join(hosts)}",
        f"devices pin {authority} (ca_file); keep {authority.with_suffix('.key')} to yourself",
    ]
    fleet = server.database.exists()
    if fleet:
        lines += [f"the fleet: {server.database}; {server.device_authority} signs devices' certificates"]
    if is_renewed:
        lines += ["a server that runs takes it with its next start"]
    else:
        lines += [
            "next:",
            f"  ota-sign publish --to {quote(str(server.published))}",
            f"  ota-server serve {config}",
        ]
        lines += [f"  ota-server token issue PRODUCT {config}"] if fleet else []
    if link is not None:
        until = f"{link.expires_at:%Y-%m-%d %H:%M} UTC"
        lines += [
            f"while it serves, {link.operator} chooses a password here, once, until {until}:",
            f"  {link.url}",
        ]
    report = {
        "ca_file": authority,
        "settings": settings,
        "hosts": hosts,
        "fleet": fleet,
        "operator": link,
    }
    console.done("\n".join(lines), report)
