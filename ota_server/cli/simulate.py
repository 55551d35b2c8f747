"""``ota-server simulate``."""

import json
import os
import secrets
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ota_client.errors import ConfigError
from ota_client.formats.strict import NAME_RULE, is_name
from ota_client.formats.version import Version
from ota_server.cli.console import Console
from ota_server.cli.group import FILE, json_option
from ota_server.cli.options import VERSION, Parsed
from ota_server.simulate.behaviour import Behaviour

if TYPE_CHECKING:
    from ota_server.simulate.summary import Summary
    from ota_server.simulate.tally import Sample

_SECONDS = click.FloatRange(0)
_NUMBER_DIGITS: Final = 6
_TOKEN_VARIABLE: Final = "OTA_SERVER_SIMULATE_TOKEN"  # noqa: S105 - its name alone
_SOCKET = click.Path(dir_okay=False, path_type=Path)


def _share(text: str) -> float:
    with suppress(ValueError):
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        if 0 <= share <= 1:
            return share
    raise ValueError(f"expected a share such as 3% or 0.03, got {text[:40]!r}")


_SHARE = Parsed("share", _share)


@click.command("simulate")
@click.option("--devices", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option("--url", "urls", multiple=True, help="The server, https://...; several take turns.")
@click.option(
    "--through-proxy-socket",
    "sockets",
    type=_SOCKET,
    multiple=True,
    help="In place of --url: its Unix socket for a proxy; run this as the proxy's user.",
)
@click.option(
    "--own-server",
    "start_server",
    is_flag=True,
    help="Start a server in a temporary folder, to look at.",
)
@click.option("--ca-file", type=FILE, help="The authority of the server's certificate, PEM.")
@click.option("--token-file", type=FILE, help="The enrolment token; or in OTA_SERVER_SIMULATE_TOKEN.")
@click.option("--repository", help="Address or folder of the releases.  [default: the server]")
@click.option("--root", type=FILE, help="The root to pin.  [default: the first that is published]")
@click.option("--product", default="gateway", show_default=True, help="Of all the devices.")
@click.option("--hardware-id", default="gw-rev2", show_default=True, help="Their board.")
@click.option("--version", type=VERSION, default="0.0.0", show_default=True, help="What they run.")
@click.option("--rollback-index", type=click.IntRange(0), default=0, show_default=True)
@click.option("--prefix", help="Of their ids.  [default: sim- and a random word]")
@click.option(
    "--failure-share",
    type=_SHARE,
    default="0%",
    show_default=True,
    help="Installations that fail, such as 3%.",
)
@click.option(
    "--fall-back-share", type=_SHARE, default="0%", show_default=True, help="First boots that fall back."
)
@click.option(
    "--offline-share",
    type=_SHARE,
    default="0%",
    show_default=True,
    help="Updates in which a device vanishes.",
)
@click.option(
    "--network-faults",
    type=_SHARE,
    default="0%",
    show_default=True,
    help="Requests that get lost or doubled.",
)
@click.option(
    "--bad-version", "bad_versions", type=VERSION, multiple=True, help="A release that never comes up."
)
@click.option("--download-s", type=_SECONDS, default=60.0, show_default=True, help="Of a release.")
@click.option("--boot-s", type=_SECONDS, default=30.0, show_default=True, help="Of a restart.")
@click.option("--offline-s", type=_SECONDS, default=3600.0, show_default=True, help="Until it is back.")
@click.option(
    "--time-factor",
    type=click.FloatRange(0.01, 100_000),
    default=1.0,
    show_default=True,
    help="Simulated seconds in a second; check-ins come faster, too.",
)
@click.option(
    "--connections", type=click.IntRange(1), default=200, show_default=True, help="Most at once."
)
@click.option(
    "--duration", "duration_s", type=_SECONDS, default=600.0, show_default=True, help="Seconds."
)
@click.option("--quiet", "quiet_s", type=_SECONDS, help="End after so many seconds without a change.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of all that is drawn.")
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
    devices: int,
    urls: tuple[str, ...],
    sockets: tuple[Path, ...],
    start_server: bool,
    ca_file: Path | None,
    token_file: Path | None,
    repository: str | None,
    root: Path | None,
    product: str,
    hardware_id: str,
    version: Version,
    rollback_index: int,
    prefix: str | None,
    connections: int,
    duration_s: float,
    quiet_s: float | None,
    seed: int,
    verify_all: bool,
    plot: Path | None,
    force: bool,
    progress: bool | None,
    failure_share: float,
    fall_back_share: float,
    offline_share: float,
    network_faults: float,
    bad_versions: tuple[Version, ...],
    download_s: float,
    boot_s: float,
    offline_s: float,
    time_factor: float,
) -> None:
    """Drive simulated devices against a server: to size it, or to see a rollout.

    The devices enrol with a token, check in, verify and install what they are assigned, and report. It
    ends with --duration, --quiet or Ctrl-C; then it tells what was seen.
    """
    from ota_server.simulate.fleet import FleetPlan  # noqa: PLC0415 - help must start fast
    from ota_server.simulate.run import Target, read_token, simulate  # noqa: PLC0415 - as above
    from ota_server.simulate.verdicts import Start  # noqa: PLC0415 - as above

    _check_plot(plot, force=force)
    prefix = f"sim-{secrets.token_hex(3)}-" if prefix is None else prefix
    if not is_name(f"{prefix}{'0' * _NUMBER_DIGITS}"):
        raise ConfigError(f"--prefix: expected the beginning of a name of {NAME_RULE}, got {prefix!r}")
    plan = FleetPlan(
        devices=devices,
        start=Start(product, hardware_id, version, rollback_index),
        prefix=prefix,
        seed=seed,
        duration_s=duration_s,
        quiet_s=quiet_s,
        connections_most=connections,
    )
    behaviour = Behaviour(
        failure_share=failure_share,
        fall_back_share=fall_back_share,
        offline_share=offline_share,
        bad_versions=frozenset(bad_versions),
        network_fault_share=network_faults,
        download_s=download_s,
        boot_s=boot_s,
        offline_s=offline_s,
        time_factor=time_factor,
    )
    with ExitStack() as stack:
        if start_server:
            from ota_server.simulate.own_server import own_server  # noqa: PLC0415 - help must start fast

            if urls or sockets:
                raise click.UsageError("expected --own-server or the address of another, got both")
            target = stack.enter_context(own_server(plan, console.now))
        else:
            if bool(urls) == bool(sockets):
                raise click.UsageError("expected one of --url, --through-proxy-socket and --own-server")
            token = read_token(token_file, os.environ.get(_TOKEN_VARIABLE))
            place = _place(repository)
            target = Target(urls, sockets, ca_file, token, place, root)
        told = _Teller(console, wanted=sys.stderr.isatty() if progress is None else progress)
        summary = simulate(target, plan, behaviour, verify_all=verify_all, on_sample=told.sample)
        told.end()
    _tell(console, summary, plot, f"{devices:,} simulated devices")


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
            click.echo(f"{sum(sample.devices.values()):,} devices have enrolled", err=True)
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


def _place(repository: str | None) -> str | Path | None:
    if repository is None or repository.startswith(("https://", "http://")):
        return repository
    return Path(repository)
