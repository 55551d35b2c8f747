"""``--to`` and what goes with it: another folder, or an update server."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ota_client.errors import ConfigError
from signing.commands.desk import Command, Desk
from signing.commands.passphrase import read_secret

if TYPE_CHECKING:
    from signing.publication.destination import Destination

_FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class DestinationOptions:
    """What the flags say."""

    to: str | None
    token_file: Path | None
    ca_file: Path | None
    insecure_http: bool

    def open(self, desk: Desk) -> "Destination | None":
        """Where else to publish; None for nowhere.

        Raises:
            ConfigError: an address without a token, or a flag that goes with an address without one.
        """
        if self.to is None or "://" not in self.to:
            if self.token_file or self.ca_file or self.insecure_http:
                raise ConfigError(
                    "expected --to https://... with --token-file, --ca-file or --insecure-http"
                )
            return self._folder()
        from signing.publication.server import ServerDestination  # noqa: PLC0415 (help must start fast)
        from signing.publication.server_line import ServerLine  # noqa: PLC0415 (as above)

        line = ServerLine(
            self.to, self._token(desk), ca_file=self.ca_file, insecure_http=self.insecure_http
        )
        if self.insecure_http and self.to.startswith("http://"):
            desk.note("warning: plain HTTP: whoever listens can take the token and publish with it")
        return ServerDestination(line, progress=desk.progress("upload"))

    def _folder(self) -> "Destination | None":
        from signing.publication.destination import FolderDestination  # noqa: PLC0415 (as above)

        return FolderDestination(Path(self.to)) if self.to is not None else None

    def _token(self, desk: Desk) -> str:
        if self.token_file is not None:
            return read_secret(self.token_file, "token", desk.note)
        token = os.environ.get("OTA_SIGN_TOKEN", "").strip()
        if not token:
            raise ConfigError(
                "expected --token-file FILE or OTA_SIGN_TOKEN with an operator's API token, got none; "
                "`ota-server api-token issue` makes one"
            )
        return token


def destination_options(command: Command) -> Command:
    """``--to``, ``--token-file``, ``--ca-file``, ``--insecure-http`` and ``--progress``."""
    options = (
        click.option(
            "--to", metavar="DIR|URL", help="Publish to this folder, or to this update server, too."
        ),
        click.option(
            "--token-file",
            type=_FILE,
            help="Its first line is the API token for the server.  [env: OTA_SIGN_TOKEN has the token]",
        ),
        click.option("--ca-file", type=_FILE, help="The authorities that vouch for the server, PEM."),
        click.option("--insecure-http", is_flag=True, help="Send the token over plain HTTP."),
        click.option("--progress", is_flag=True, help="Say how far it is, also without a terminal."),
    )
    for option in reversed(options):
        command = option(command)
    return command
