"""``ota-server rollout watch``."""

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from ota_server.cli.console import Console, printable
from ota_server.cli.group import fleet_options
from ota_server.cli.rollout_text import found, headline, rollout_fields
from ota_server.plain import plain
from ota_server.rollouts.states import RolloutState

if TYPE_CHECKING:
    from ota_server.rollouts.rollout_view import Rollout

HALTED_EXIT = 12
_ABORTED_EXIT = 1
_ENDS = {
    RolloutState.FINISHED: 0,
    RolloutState.HALTED: HALTED_EXIT,
    RolloutState.ABORTED: _ABORTED_EXIT,
}


@click.command("watch")
@click.argument("rollout")
@click.option(
    "--every",
    type=click.FloatRange(0.05, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@fleet_options
def watch_command(console: Console, *, rollout: str, every: float) -> None:
    """Follow ROLLOUT until it ends.

    Exits with 0 if it finished, 12 if it halted, 1 if it was aborted. With --json one line for each
    change.
    """
    shown = ""
    while True:
        with console.desk() as desk:
            one = found(desk, rollout)
        if headline(one) != shown:
            shown = headline(one)
            _show(console, one)
        if one.state in _ENDS:
            break
        time.sleep(every)
    if sys.stdout.isatty() and not console.as_json:
        click.echo()
    click.get_current_context().exit(_ENDS[one.state])


def _show(console: Console, rollout: "Rollout") -> None:
    if console.as_json:
        click.echo(json.dumps(plain(rollout_fields(rollout))))
    elif sys.stdout.isatty():
        click.echo(f"\r\x1b[K{printable(headline(rollout))}", nl=False)
    else:
        click.echo(printable(headline(rollout)))
