"""What every command of ``ota-client`` shares: ``--json``, and errors as a sentence and a code."""

import json
import sys
from collections.abc import Callable
from typing import Final, TypeVar

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.errors import OtaError

_AS_JSON: Final = "ota_client.as_json"
Command = TypeVar("Command", bound=Callable[..., None])


class ErrorGroup(SummaryGroup):
    """Turns our errors into one sentence on standard error and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except OtaError as e:
            click.echo(f"ota-client: {e} [{e.code}]", err=True)
            if as_json(ctx):
                error = {"code": e.code, "message": str(e), "retryable": e.retryable}
                click.echo(json.dumps({"error": error}, indent=2))
            sys.exit(e.exit_code)


def json_option(command: Command) -> Command:
    """Add ``--json``, before or behind the command's name."""
    option = click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Report as JSON on standard output.",
    )
    return option(command)


def as_json(context: click.Context) -> bool:
    """Whether ``--json`` was given; click's ``meta`` is common to a command and its groups."""
    return bool(context.meta.get(_AS_JSON))


def report(text: str, fields: dict[str, object]) -> None:
    """Print a report: as JSON where that was asked for, else in words."""
    wanted = as_json(click.get_current_context())
    click.echo(json.dumps(fields, indent=2) if wanted else text)


def _remember(context: click.Context, _: click.Parameter, value: object) -> None:
    if value:
        context.meta[_AS_JSON] = True
