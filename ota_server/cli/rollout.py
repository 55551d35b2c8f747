"""``ota-server rollout``: releases on their way through the fleet."""

import click

from ota_server.cli.console import Console, table
from ota_server.cli.group import Command, fleet_options, yes_option
from ota_server.cli.pages import page_options, show_page
from ota_server.cli.rollout_create import create_command
from ota_server.cli.rollout_text import found, headline, rollout_fields, rollout_text
from ota_server.cli.rollout_watch import watch_command
from ota_server.rollouts.states import BAD, DeviceState, RolloutState

_STATES = click.Choice([state.value for state in RolloutState])
_DEVICE_STATES = click.Choice([state.value for state in DeviceState])
_RETRIED = click.Choice([state.value for state in (*BAD, DeviceState.SILENT)])


@click.group("rollout")
def rollout_group() -> None:
    """Roll releases out in waves; ROLLOUT is an id or PRODUCT/NAME."""


rollout_group.add_command(create_command)
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
    from ota_server.rollouts import rollout_view  # noqa: PLC0415 - help must start fast

    wanted = tuple(map(RolloutState, states))
    with console.database() as database, database.read() as connection:
        page = rollout_view.listed(connection, product=product, states=wanted, after=after, limit=limit)
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
    with console.database() as database, database.read() as connection:
        one = found(connection, rollout)
    console.show(rollout_text(one), rollout_fields(one))


@rollout_group.command("devices")
@rollout_argument
@click.option("--state", type=_DEVICE_STATES, help="In this state only.")
@page_options
@fleet_options
def devices_command(
    console: Console, *, rollout: str, state: str | None, after: str | None, limit: int
) -> None:
    """List the devices in ROLLOUT and where each is."""
    from ota_server.rollouts import rollout_view  # noqa: PLC0415 - help must start fast

    only = DeviceState(state) if state else None
    with console.database() as database, database.read() as connection:
        one = found(connection, rollout)
        page = rollout_view.members(connection, one.id, state=only, after=after, limit=limit)
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
    from ota_server.rollouts import rollout as steering  # noqa: PLC0415 - help must start fast

    with console.database() as database, database.begin() as connection:
        one = found(connection, rollout)
        after = steering.pause(connection, one.id, reason=reason, now=console.now)
    console.done(headline(after), rollout_fields(after))


@rollout_group.command("resume")
@rollout_argument
@yes_option
@fleet_options
def resume_command(console: Console, *, rollout: str) -> None:
    """Go on with ROLLOUT, in spite of what has failed so far.

    From now on only new failures count towards a halt.
    """
    from ota_server.rollouts import rollout as steering  # noqa: PLC0415 - help must start fast

    with console.database() as database:
        with database.read() as connection:
            one = found(connection, rollout)
        if one.state is RolloutState.HALTED:
            console.confirm(f"{one.reason}; go on nevertheless")
        with database.begin() as connection:
            after = steering.resume(connection, one.id, now=console.now)
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
    from ota_server.rollouts import rollout as steering  # noqa: PLC0415 - help must start fast

    with console.database() as database:
        with database.read() as connection:
            one = found(connection, rollout)
        console.confirm(f"end rollout {one.product}/{one.name}")
        with database.begin() as connection:
            after = steering.abort(connection, one.id, reason=reason, now=console.now)
    console.done(headline(after), rollout_fields(after))


@rollout_group.command("retry")
@rollout_argument
@click.option("--state", "states", type=_RETRIED, multiple=True, help="Of these only; may be repeated.")
@click.option("--device", "devices", multiple=True, help="This one only; may be repeated.")
@fleet_options
def retry_command(
    console: Console, *, rollout: str, states: tuple[str, ...], devices: tuple[str, ...]
) -> None:
    """Try again on devices that failed, fell back or were silent."""
    from ota_server.rollouts import rollout as steering  # noqa: PLC0415 - help must start fast

    wanted = tuple(map(DeviceState, states)) or steering.RETRIED
    with console.database() as database, database.begin() as connection:
        one = found(connection, rollout)
        again = steering.retry(connection, one.id, states=wanted, device_ids=devices, now=console.now)
    console.done(f"{again} devices try again", {"devices": again})
