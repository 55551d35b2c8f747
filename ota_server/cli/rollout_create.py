"""``ota-server rollout create``."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from ota_client.formats.version import Version
from ota_server.cli.console import Console
from ota_server.cli.group import fleet_options
from ota_server.cli.options import DURATION, SHARE, TIME, VERSION, WINDOW
from ota_server.cli.rollout_text import preview_fields, preview_text, rollout_fields, rollout_text
from ota_server.rollouts.share import Share
from ota_server.rollouts.states import RolloutState
from ota_server.rollouts.windows import MaintenanceWindow

if TYPE_CHECKING:
    from ota_server.rollouts.plan import RolloutPlan


@click.command("create")
@click.argument("product")
@click.argument("name")
@click.argument("version", type=VERSION)
@click.option("--group", required=True, help="Whom it is for: a group of the product.")
@click.option(
    "--wave",
    "waves",
    multiple=True,
    required=True,
    metavar="WAVE",
    help="5% of the group, 10 devices, devices:ID,ID, or rest; one for each wave, in order.",
)
@click.option("--success-share", type=SHARE, help="So much of a wave must run it.  [default: 80%]")
@click.option("--success-of-answered", type=SHARE, help="... and of its answers.  [default: 90%]")
@click.option("--halt-share", type=SHARE, help="So much of the answers bad: halt ...  [default: 10%]")
@click.option(
    "--halt-least", type=click.IntRange(1), help="... once so many have answered.  [default: 20]"
)
@click.option("--halt-count", type=click.IntRange(1), help="So many bad answers: halt.  [default: none]")
@click.option(
    "--soak",
    type=DURATION,
    default="0s",
    show_default=True,
    help="From a wave's success to the next wave.",
)
@click.option(
    "--max-in-flight",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Devices updating at once.",
)
@click.option(
    "--window",
    "windows",
    type=WINDOW,
    multiple=True,
    metavar="WINDOW",
    help="'Mon-Fri 22:00-04:00 Europe/Berlin': only then; may be repeated.",
)
@click.option("--consent", is_flag=True, help="Ask each device's owner first.")
@click.option("--via", type=VERSION, help="The stepping stone for devices below the minimum version.")
@click.option("--start-at", type=TIME, help="UTC, such as 2026-11-22T08:00:00Z.  [default: now]")
@click.option(
    "--retries", type=click.IntRange(0), default=2, show_default=True, help="Of a device, by itself."
)
@click.option(
    "--answer-within",
    type=DURATION,
    default="1d",
    show_default=True,
    help="A device without a word for longer is silent.",
)
@click.option("--priority", type=int, default=0, show_default=True, help="The highest goes first.")
@click.option("--stays-open", is_flag=True, help="Also for devices that join the group after the end.")
@click.option("--dry-run", is_flag=True, help="Say who would be in, who not and why; make nothing.")
@fleet_options
def create_command(console: Console, *, dry_run: bool, **given: object) -> None:
    """Roll release VERSION of PRODUCT out in waves, as rollout NAME.

    The next wave opens when enough of the last one run the release. When too many of those that answered
    failed or fell back, the rollout halts by itself.
    """
    from ota_server.operations import rollouts  # noqa: PLC0415 - help must start fast

    plan = _plan(**given)  # type: ignore[arg-type] # as click's options say
    with console.desk(write=not dry_run, releases=True) as desk:
        if dry_run:
            found = rollouts.preview(desk, plan)
            console.show(preview_text(found), preview_fields(found))
            return
        made = rollouts.create(desk, plan)
    console.done(rollout_text(made), rollout_fields(made))
    if made.state is RolloutState.PROPOSED:
        click.echo("it waits for another person's `ota-server rollout approve`", err=True)
    if not any(wave.members for wave in made.waves):
        click.echo("no device is in it; --dry-run says who is left out, and why", err=True)


def _plan(
    *,
    product: str,
    name: str,
    version: Version,
    group: str,
    waves: tuple[str, ...],
    success_share: Share | None,
    success_of_answered: Share | None,
    halt_share: Share | None,
    halt_least: int | None,
    halt_count: int | None,
    soak: timedelta,
    max_in_flight: int,
    windows: tuple[MaintenanceWindow, ...],
    consent: bool,
    via: Version | None,
    start_at: datetime | None,
    retries: int,
    answer_within: timedelta,
    priority: int,
    stays_open: bool,
) -> "RolloutPlan":
    from ota_server.rollouts import plan  # noqa: PLC0415 - help must start fast

    success, halt = plan.SuccessCondition(), plan.HaltCondition()
    success = plan.SuccessCondition(
        success_share or success.of_members, success_of_answered or success.of_answered
    )
    halt = plan.HaltCondition(halt_share or halt.share, halt_least or halt.least, halt_count)
    soak_s = int(soak.total_seconds())
    return plan.RolloutPlan(
        product=product,
        name=name,
        version=version,
        group=group,
        waves=tuple(
            plan.WavePlan.taking(text, success=success, halt=halt, soak_s=soak_s) for text in waves
        ),
        max_in_flight=max_in_flight,
        forced=not consent,
        starts_at=start_at,
        windows=windows,
        via=via,
        retries=retries,
        answer_within_s=int(answer_within.total_seconds()),
        priority=priority,
        stays_open=stays_open,
    )
