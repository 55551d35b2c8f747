"""``ota-server simulate``."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ota_client.errors import ConfigError
from ota_client.formats.counted import counted
from ota_server.cli.console import Console
from ota_server.cli.group import FILE, json_option
from ota_server.cli.simulate_options import behaviour_options, plan_options, target_options

if TYPE_CHECKING:
    from ota_server.simulate.behaviour import Behaviour
    from ota_server.simulate.fleet import FleetPlan
    from ota_server.simulate.run import Target
    from ota_server.simulate.summary import Summary
    from ota_server.simulate.tally import Sample


@click.command("simulate")
@target_options
@plan_options
@behaviour_options
@click.option("--verify-all", is_flag=True, help="Each device verifies for itself: slow.")
@click.option("--plot", type=FILE, help="Draw the fleet over time as SVG.")
@click.option("--force", is_flag=True, help="Replace the plot that is there.")
@click.option(
    "--progress/--no-progress", default=None, help="On stderr.  [default: if it is a terminal]"
)
@json_option
@click.pass_obj
def simulate_command(
    console: Console,
    *,
    target: "Target | None",
    plan: "FleetPlan",
    behaviour: "Behaviour",
    verify_all: bool,
    plot: Path | None,
    force: bool,
    progress: bool | None,
) -> None:
    """Drive simulated devices against a server.

    To size the server, or to see a rollout. The devices enrol with a token, check in, verify and
    install what they are assigned, and report. It ends with --duration, --quiet or Ctrl-C; then it
    tells what was seen.
    """
    from ota_server.simulate.run import simulate  # noqa: PLC0415 - help must start fast

    _check_plot(plot, force=force)
    told = _Teller(console, wanted=sys.stderr.isatty() if progress is None else progress)
    with ExitStack() as stack:
        if target is None:
            from ota_server.simulate.own_server import own_server  # noqa: PLC0415 - as above

            target = stack.enter_context(own_server(plan, console.now))
        summary = simulate(target, plan, behaviour, verify_all=verify_all, on_sample=told.sample)
    told.end()
    _tell(console, summary, plot, f"{plan.devices:,} simulated devices")


class _Teller:
    """Progress: a line of JSON a sample, or one line of a terminal that is written over."""

    def __init__(self, console: Console, *, wanted: bool) -> None:
        self._console, self._wanted = console, wanted
        self._longest = 0
        self._enrolled = False

    def sample(self, sample: "Sample") -> None:
        """Tell how far it is."""
        from ota_server.simulate.summary import progress_text  # noqa: PLC0415 - help must start fast
        from ota_server.simulate.tally import Standing  # noqa: PLC0415 - as above

        if not self._enrolled and not sample.devices[Standing.ENROLLING]:
            # whoever plans a rollout waits for this: waves are shares of the devices that are there
            number = sum(sample.devices.values())
            have = "has" if number == 1 else "have"
            click.echo(f"{counted(number, 'device', f'{number:,}')} {have} enrolled", err=True)
            self._enrolled = True
        if self._console.as_json:
            click.echo(json.dumps({"sample": sample.to_fields()}))
        if self._wanted:
            line = progress_text(sample)
            self._longest = max(self._longest, len(line))
            click.echo(f"\r{line.ljust(self._longest)}", err=True, nl=not sys.stderr.isatty())

    def end(self) -> None:
        """Leave the line."""
        if self._wanted and sys.stderr.isatty():
            click.echo(err=True)


def _tell(console: Console, summary: "Summary", plot: Path | None, title: str) -> None:
    if plot is not None:
        from ota_server.simulate.plot import draw  # noqa: PLC0415 - help must start fast

        try:
            plot.write_text(draw(summary.samples, title), encoding="utf-8")
        except OSError as e:
            raise ConfigError(f"--plot {plot} cannot be written: {e.strerror}") from e
    if console.as_json:
        click.echo(json.dumps({"summary": summary.to_fields()}))
    console.say(summary.text())


def _check_plot(plot: Path | None, *, force: bool) -> None:
    """Before the simulation, and not after half an hour of it."""
    if plot is not None and plot.exists() and not force:
        raise ConfigError(f"--plot {plot} exists already; to replace it use --force")
    if plot is not None and not plot.absolute().parent.is_dir():
        raise ConfigError(f"--plot {plot}: expected a folder to write it into, got none")
