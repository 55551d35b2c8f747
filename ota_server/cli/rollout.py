"""``ota-server rollout``: releases on their way through the fleet."""

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.formats.counted import counted
from ota_server.cli.console import Console, table
from ota_server.cli.group import Command, fleet_options, yes_option
from ota_server.cli.pages import page_options, show_page
from ota_server.cli.rollout_approve import approve_command, reject_command
from ota_server.cli.rollout_create import create_command
from ota_server.cli.rollout_text import (
    approval_text,
    found,
    headline,
    rollout_fields,
    rollout_text,
)
from ota_server.cli.rollout_watch import watch_command
from ota_server.rollouts.states import BAD, DeviceState, RolloutState

_STATES = click.Choice([state.value for state in RolloutState])
_DEVICE_STATES = click.Choice([state.value for state in DeviceState])
_RETRIED = click.Choice([state.value for state in (*BAD, DeviceState.SILENT)])


@click.group("rollout", cls=SummaryGroup)
def rollout_group() -> None:
    """Roll releases out in waves; ROLLOUT is an id or PRODUCT/NAME."""


rollout_group.add_command(create_command)
rollout_group.add_command(approve_command)
rollout_group.add_command(reject_command)
rollout_group.add_command(watch_command)


def rollout_argument(command: Command) -> Command:
    """Add the argument that names a rollout."""
    return click.argument("rollout")(command)


@rollout_group.command("list")
@click.option("--product", help="Of this product.")
@click.option("--state", "states", type=_STATES, multiple=True, help="In this state; may be repeated.")
@page_options
@fleet_options
def list_command(
    console: Console, *, product: str | None, states: tuple[str, ...], after: str | None, limit: int
) -> None:
    """List rollouts, the newest first."""
    from ota_server.operations import rollouts  # noqa: PLC0415 - help must start fast

    wanted = tuple(map(RolloutState, states))
    with console.desk() as desk:
        page = rollouts.listed(desk, product=product, states=wanted, after=after, limit=limit)
    if console.as_json:
        items = [rollout_fields(one) for one in page.items]
        console.report({"rollouts": items, "total": page.total, "next_after": page.next_after})
        return
    show_page(console, "rollouts", page, "\n".join(f"{one.id}  {headline(one)}" for one in page.items))


@rollout_group.command("show")
@rollout_argument
@fleet_options
def show_command(console: Console, *, rollout: str) -> None:
    """Show how ROLLOUT stands, wave by wave."""
    from ota_server.operations import approvals  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        one = found(desk, rollout)
        approval = approvals.find(desk, one.id)
    text = f"{rollout_text(one)}\n{approval_text(approval)}"
    console.show(text, {**rollout_fields(one), "approval": approval})


@rollout_group.command("devices")
@rollout_argument
@click.option("--state", type=_DEVICE_STATES, help="In this state only.")
@page_options
@fleet_options
def devices_command(
    console: Console, *, rollout: str, state: str | None, after: str | None, limit: int
) -> None:
    """List the devices in ROLLOUT and where each is."""
    from ota_server.operations import rollouts  # noqa: PLC0415 - help must start fast

    only = DeviceState(state) if state else None
    with console.desk() as desk:
        one = found(desk, rollout)
        page = rollouts.members(desk, one.id, state=only, after=after, limit=limit)
    heads = ("device", "wave", "state", "attempts", "given", "code", "since")
    rows = [
        (m.device_id, m.wave, m.state.value, m.attempts, m.version, m.code, m.changed_at)
        for m in page.items
    ]
    show_page(console, "devices", page, table(heads, rows))


@rollout_group.command("pause")
@rollout_argument
@click.option("--reason", default="", help="Kept with the rollout.")
@fleet_options
def pause_command(console: Console, *, rollout: str, reason: str) -> None:
    """Offer nothing new in ROLLOUT; updates under way go on."""
    from ota_server.operations import rollouts  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        after = rollouts.pause(desk, found(desk, rollout).id, reason=reason)
    console.done(headline(after), rollout_fields(after))


@rollout_group.command("resume")
@rollout_argument
@yes_option
@fleet_options
def resume_command(console: Console, *, rollout: str) -> None:
    """Go on with ROLLOUT, in spite of what has failed so far.

    From now on only new failures count towards a halt.
    """
    from ota_server.operations import rollouts  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        one = found(desk, rollout)
    if one.state is RolloutState.HALTED:
        console.confirm(f"{one.reason}; go on nevertheless")
    with console.desk(write=True) as desk:
        after = rollouts.resume(desk, one.id, seen=one.state)
    console.done(headline(after), rollout_fields(after))


@rollout_group.command("abort")
@rollout_argument
@click.option("--reason", default="", help="Kept with the rollout.")
@yes_option
@fleet_options
def abort_command(console: Console, *, rollout: str, reason: str) -> None:
    """End ROLLOUT for good.

    Devices that have the release in a slot already go on with it.
    """
    from ota_server.operations import rollouts  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        one = found(desk, rollout)
    console.confirm(f"end rollout {one.product}/{one.name}")
    with console.desk(write=True) as desk:
        after = rollouts.abort(desk, one.id, reason=reason)
    console.done(headline(after), rollout_fields(after))


@rollout_group.command("consent")
@rollout_argument
@click.argument("device")
@fleet_options
def consent_command(console: Console, *, rollout: str, device: str) -> None:
    """Agree to ROLLOUT in the name of the owner of DEVICE.

    For an owner who has told a person and not the device; the audit log has who says so.
    """
    from ota_server.operations import rollouts  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        after = rollouts.consent(desk, found(desk, rollout).id, device)
    console.done(
        f"{device} is given {after.product} {after.version} without a question", rollout_fields(after)
    )


@rollout_group.command("retry")
@rollout_argument
@click.option("--state", "states", type=_RETRIED, multiple=True, help="Of these only; may be repeated.")
@click.option("--device", "devices", multiple=True, help="This one only; may be repeated.")
@fleet_options
def retry_command(
    console: Console, *, rollout: str, states: tuple[str, ...], devices: tuple[str, ...]
) -> None:
    """Try again on devices that failed, fell back or were silent."""
    from ota_server.operations import rollouts  # noqa: PLC0415 - help must start fast

    wanted = tuple(map(DeviceState, states)) or rollouts.RETRIED
    with console.desk(write=True) as desk:
        one = found(desk, rollout)
        again = rollouts.retry(desk, one.id, states=wanted, device_ids=devices)
    tries = "tries" if again == 1 else "try"
    console.done(f"{counted(again, 'device')} {tries} again", {"devices": again})
