"""What every command of ``ota-server`` shares: errors as a sentence and a code, and common options."""

import errno
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.errors import ConfigError, OtaError
from ota_server.cli.console import Console
from ota_server.errors import OutputError


class _Place(click.Path):
    """A path; an empty variable of a shell is none, and not this folder."""

    def convert(
        self, value: "str | os.PathLike[str]", param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        """Read a path."""
        if not str(value):
            self.fail("expected a path, got ''", param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


FILE = _Place(dir_okay=False)
FOLDER = _Place(file_okay=False)

Command = Callable[..., None]

# of stdout; who reads no more, such as `head`, is click's to end quietly
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class ErrorGroup(SummaryGroup):
    """Turns our errors into one sentence on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was asked for."""
        console = _console(ctx)
        try:
            return self._invoke(ctx)
        except OtaError as e:
            click.echo(f"ota-server: {e} [{e.code}]", err=True)
            if console.as_json and not isinstance(e, OutputError):
                error = {"code": e.code, "message": str(e), "retryable": e.retryable}
                click.echo(json.dumps({"error": error}, indent=2))
            sys.exit(e.exit_code)

    def _invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except OSError as e:
            if e.filename is not None:
                raise ConfigError(f"{os.fsdecode(e.filename)} cannot be used: {e.strerror}") from e
            if e.errno in _NO_ROOM:
                raise OutputError(f"the report cannot be written: {e.strerror}") from e
            raise


def _console(context: click.Context) -> Console:
    """The run's own; completion asks for it before there is a run."""
    root = context.find_root()
    root.obj = root.obj or Console(datetime.now(UTC))
    console: Console = root.obj
    return console


def json_option(command: Command) -> Command:
    """Add ``--json``."""
    option = click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_set_json,
        help="Report as JSON on stdout.",
    )
    return option(command)


def config_option(command: Command) -> Command:
    """Add ``--config``."""
    option = click.option(
        "--config",
        type=FILE,
        envvar="OTA_SERVER_CONFIG",
        show_envvar=True,
        expose_value=False,
        callback=_set_config,
        help="Settings, such as the ota-server.toml that init makes.",
    )
    return option(command)


def fleet_options(command: Command) -> Command:
    """Add what each command of the fleet takes, and hand it the console."""
    return config_option(json_option(click.pass_obj(command)))


def yes_option(command: Command) -> Command:
    """Add ``--yes`` to what cannot be undone."""
    option = click.option(
        "--yes", is_flag=True, expose_value=False, callback=_set_yes, help="Do not ask."
    )
    return option(command)


def reason_option(command: Command) -> Command:
    """Add ``--reason`` to what people ask about later."""
    option = click.option("--reason", default="", help="Written down, and told to who is told of it.")
    return option(command)


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    _console(context).as_json |= value


def _set_config(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    _console(context).config = value


def _set_yes(context: click.Context, _: click.Parameter, value: bool) -> None:
    _console(context).assume_yes |= value
