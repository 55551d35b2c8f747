"""``ota-client``: status, check, install, mark-good, mark-bad, run, and what belongs to them."""

import gc
import logging
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from ota_client.cli.doctor import doctor
from ota_client.cli.fleet import consent, enroll
from ota_client.cli.group import ErrorGroup, json_option, report
from ota_client.cli.invocation import Invocation, hooks_of
from ota_client.cli.log import configure_logging
from ota_client.cli.output import check_text, status_text
from ota_client.cli.simulate import simulate
from ota_client.client import OtaClient
from ota_client.device import open_ports, provision, provision_counter
from ota_client.disk.storage import DiskStorage
from ota_client.errors import ConfigError
from ota_client.formats.version import Version
from ota_client.progress import Progress, no_progress
from ota_client.recovery import Phase
from ota_client.report import Check, Status

NOTHING_TO_DO: Final = 3
_EPILOG: Final = (
    "Exit codes: 0 done, 2 usage or settings, 3 nothing to do, 4 not enrolled, 5 network, "
    "10 verification, 11 expired, 12 refused, 14 install, 1 other. Shell completion: "
    'eval "$(_OTA_CLIENT_COMPLETE=bash_source ota-client)" (or zsh_source, fish_source).'
)


@click.group(cls=ErrorGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default="/etc/ratchet/ota-client.toml",
    envvar="OTA_CLIENT_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The device's settings.",
)
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Log each step on standard error.")
@click.version_option(package_name="ratchet-ota")
@click.pass_context
def main(context: click.Context, *, config: Path, verbose: bool) -> None:
    """Update this device: verify, install, swap, confirm. It moves forward, never back."""
    configure_logging(verbose=verbose, journal="JOURNAL_STREAM" in os.environ)
    context.obj = Invocation(config)


main.add_command(simulate)
main.add_command(doctor)
main.add_command(enroll)
main.add_command(consent)


@main.command()
@json_option
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Tell what runs, what each slot holds, and what the offered release mends."""
    _show_status(invocation.client(invocation.settings()).status())


def _version_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--version",
        "version",
        metavar="VERSION",
        help="A release instead of the one on the device's channel; never an older one.",
    )(command)


@main.command()
@json_option
@_version_option
@click.pass_obj
def check(invocation: Invocation, version: str | None) -> None:
    """Ask the repository for an update; exit 3 when there is none."""
    # Over before collecting would free anything, and collecting its imports is a twentieth of its CPU.
    gc.disable()
    found = invocation.client(invocation.settings()).check(_parse_version(version))
    _show_check(found)


@main.command()
@json_option
@_version_option
@click.option("--dry-run", is_flag=True, help="Do all checks and write nothing; same as 'check'.")
@click.option("--progress/--no-progress", default=None, help="Default: on a terminal.")
@click.pass_obj
def install(
    invocation: Invocation, *, version: str | None, dry_run: bool, progress: bool | None
) -> None:
    """Install what is offered into the other slot; the next boot tries it. Exit 3: nothing new."""
    config = invocation.settings()
    client, hooks = invocation.client(config), hooks_of(config)
    if dry_run:
        found = client.check(_parse_version(version))
    else:
        wanted = sys.stderr.isatty() if progress is None else progress
        bar = _ProgressBar() if wanted else no_progress
        waiting = client.status().phase is Phase.INSTALLED
        found = client.install(
            _parse_version(version), progress=bar, approve=hooks.pre_install, accept=hooks.post_write
        )
        if found.installed and not waiting:
            hooks.post_install(found)
    _show_check(found)


@main.command("provision")
@json_option
@click.pass_obj
def provision_command(invocation: Invocation) -> None:
    """Write the boot state of a device that leaves the factory: what runs is good."""
    config = invocation.settings()
    booted = provision(config, DiskStorage())
    report(f"slot {booted} is marked good ({config.boot.control})", {"booted": booted})


@main.command("provision-counter")
@json_option
@click.option("--replace", is_flag=True, help="Begin anew where the TPM was cleared or exchanged.")
@click.pass_obj
def provision_counter_command(invocation: Invocation, *, replace: bool) -> None:
    """Begin to keep the stored rollback index in the TPM that the settings name."""
    found = provision_counter(invocation.settings(), DiskStorage(), replace=replace)
    report(f"the {found.kind} keeps the stored rollback index: {found.index}", found.to_fields())


@main.command("mark-good")
@json_option
@click.pass_obj
def mark_good(invocation: Invocation) -> None:
    """Confirm the running release; then its rollback index is stored. Needs no network."""
    _show_status(invocation.client(invocation.settings()).mark_good())


@main.command("mark-bad")
@json_option
@click.pass_obj
def mark_bad(invocation: Invocation) -> None:
    """Give the running release up; the next boot starts the other slot."""
    _show_status(invocation.client(invocation.settings()).mark_bad())


@main.command()
@click.option("--once", is_flag=True, help="Poll once and end, for a timer instead of a service.")
@click.pass_obj
def run(invocation: Invocation, *, once: bool) -> None:
    """Run the agent: confirm, check, install, wait; ends cleanly on SIGTERM."""
    from ota_client.agent import Agent, Surroundings  # noqa: PLC0415 a check must cost little
    from ota_client.fleet.opening import open_member  # noqa: PLC0415 as above

    config = invocation.settings()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    surroundings = Surroundings(
        wait=stop.wait,
        random=random.SystemRandom().random,
        local_time=lambda: datetime.now().astimezone().time(),
    )
    ports = open_ports(config)
    hooks = hooks_of(config)
    client = OtaClient(config, ports, on_advisories=hooks.advisories)
    member = open_member(config, ports, client.status)
    agent = Agent(client, config.agent, hooks, surroundings, member)
    with DiskStorage().lock(str(config.state_dir / "agent.lock")):
        logging.getLogger("ota_client").info("the agent runs for %s", config.product)
        agent.run(once=once)


def _show_status(status: Status) -> None:
    report(status_text(status), status.to_fields())


def _show_check(check: Check) -> None:
    report(check_text(check), check.to_fields())
    if check.offered is None:
        sys.exit(NOTHING_TO_DO)


def _parse_version(text: str | None) -> Version | None:
    try:
        return Version.parse(text) if text is not None else None
    except ValueError as e:
        raise ConfigError(f"--version: {e}") from e


class _ProgressBar:
    """One line on standard error that is written over."""

    def __init__(self) -> None:
        self._shown = ""

    def __call__(self, progress: Progress) -> None:
        percent = 100 * progress.done_bytes // progress.total_bytes
        line = f"{progress.stage.value:12} {percent:3} %  {progress.total_bytes / 2**20:.1f} MiB"
        if line != self._shown:
            self._shown = line
            done = progress.done_bytes == progress.total_bytes
            click.echo(f"\r{line}", err=True, nl=done)
