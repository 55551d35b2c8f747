"""``ota-server webhook``: who is told what happens, by webhook, mail or feed."""

import os
from typing import TYPE_CHECKING

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.errors import ConfigError
from ota_server.cli.console import Console, cell, table
from ota_server.cli.group import fleet_options, yes_option
from ota_server.cli.pages import page_options, show_page
from ota_server.journal.event_kind import EventKind
from ota_server.settings import OperatorSettings, ServerSettings, read_unchecked

if TYPE_CHECKING:
    from ota_server.notify.subscription import Subscription
    from ota_server.operations.notifications import NewSubscription

_SEVERITIES = ("none", "low", "medium", "high", "critical")
_STATES = ("waiting", "delivered", "dead", "resend")


@click.group("webhook", cls=SummaryGroup)
def webhook_group() -> None:
    """Tell programs and people what happens: webhooks, mails, feeds.

    What there is to tell is in docs/reference/events.md. `serve` sends.
    """


@webhook_group.command("add")
@click.argument("name")
@click.option("--url", help="Send signed webhooks there.")
@click.option("--mail", help="Send mails there.")
@click.option("--feed", is_flag=True, help="Offer an Atom feed.")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice([kind.value for kind in EventKind]),
    multiple=True,
    help="Only these; may be repeated.",
)
@click.option("--product", "products", multiple=True, help="Only of these; may be repeated.")
@click.option(
    "--least-severity", type=click.Choice(_SEVERITIES), help="Only releases and advisories as severe."
)
@click.option("--device", "device_ids", default="", help="Only for the owner of these: an id, or cam-*.")
@fleet_options
def add_command(
    console: Console,
    *,
    name: str,
    url: str | None,
    mail: str | None,
    feed: bool,
    kinds: tuple[str, ...],
    products: tuple[str, ...],
    least_severity: str | None,
    device_ids: str,
) -> None:
    """Make subscription NAME; it tells of what happens from now on.

    A webhook's secret, or a feed's address, is shown this once, on stdout.
    """
    from ota_server.notify.filter import Filter, kinds_of  # noqa: PLC0415 - help must start fast
    from ota_server.notify.means import Means  # noqa: PLC0415 - as above
    from ota_server.notify.subscription import Channel  # noqa: PLC0415 - as above
    from ota_server.operations import notifications  # noqa: PLC0415 - as above

    given = {Channel.WEBHOOK: url, Channel.MAIL: mail, Channel.FEED: "" if feed else None}
    chosen = [channel for channel, address in given.items() if address is not None]
    if len(chosen) != 1:
        raise ConfigError("expected one of --url URL, --mail ADDRESS and --feed")
    settings = read_unchecked(os.environ, console.config)
    wanted = Filter(kinds_of(kinds), frozenset(products), least_severity or "", device_ids)
    with console.desk(write=True) as desk:
        made = notifications.subscribe(
            desk,
            Means.load(_people(settings)),
            name=name,
            channel=chosen[0],
            address=given[chosen[0]] or "",
            wanted=wanted,
        )
    _show_secret(console, settings, made)


@webhook_group.command("list")
@fleet_options
def list_command(console: Console) -> None:
    """List the subscriptions."""
    from ota_server.operations import notifications  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = notifications.subscriptions(desk)
        dead = {one.name: notifications.dead_letters(desk, one.name) for one in found}
    heads = ("name", "channel", "address", "status", "failed", "dead letters")
    rows = [(s.name, s.channel, s.address, s.status, s.attempts, dead[s.name]) for s in found]
    console.show(table(heads, rows), {"subscriptions": found})


@webhook_group.command("show")
@click.argument("name")
@fleet_options
def show_command(console: Console, *, name: str) -> None:
    """Show subscription NAME."""
    from ota_server.operations import notifications  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = notifications.find_subscription(desk, name)
    _show(console, found)


@webhook_group.command("pause")
@click.argument("name")
@fleet_options
def pause_command(console: Console, *, name: str) -> None:
    """Send nothing for NAME until it is resumed; what happens meanwhile waits."""
    from ota_server.operations import notifications  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        found = notifications.pause(desk, name)
    console.done(f"{name} is paused", found)


@webhook_group.command("resume")
@click.argument("name")
@click.option("--skip-missed", is_flag=True, help="Forget what has happened meanwhile.")
@fleet_options
def resume_command(console: Console, *, name: str, skip_missed: bool) -> None:
    """Send for NAME again, at once, with what has happened meanwhile."""
    from ota_server.operations import notifications  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        found = notifications.resume(desk, name, skip_missed=skip_missed)
    console.done(f"{name} is active", found)


@webhook_group.command("remove")
@click.argument("name")
@yes_option
@fleet_options
def remove_command(console: Console, *, name: str) -> None:
    """Remove NAME, and the list of its deliveries."""
    from ota_server.operations import notifications  # noqa: PLC0415 - help must start fast

    console.confirm(f"remove {name}")
    with console.desk(write=True) as desk:
        notifications.remove(desk, name)
    console.done(f"{name} is removed", {"name": name})


@webhook_group.command("rotate-secret")
@click.argument("name")
@fleet_options
def rotate_secret_command(console: Console, *, name: str) -> None:
    """Give NAME another secret, which is shown this once.

    A webhook is signed with the old one too for a day; a feed's old address is void at once.
    """
    from ota_server.notify.means import Means  # noqa: PLC0415 - help must start fast
    from ota_server.operations import notifications  # noqa: PLC0415 - as above

    settings = read_unchecked(os.environ, console.config)
    with console.desk(write=True) as desk:
        made = notifications.rotate_secret(desk, Means.load(_people(settings)), name)
    _show_secret(console, settings, made)


@webhook_group.command("test")
@click.argument("name")
@fleet_options
def test_command(console: Console, *, name: str) -> None:
    """Have the server send a test to NAME; `webhook deliveries` says how it went, as event 0."""
    from ota_server.operations import notifications  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        notifications.test(desk, name)
    console.done(f"a test goes to {name} within seconds, if the server runs", {"name": name})


@webhook_group.command("deliveries")
@click.argument("name")
@click.option("--state", type=click.Choice(_STATES), help="Only these; dead ones were given up.")
@page_options
@fleet_options
def deliveries_command(
    console: Console, *, name: str, state: str | None, after: str | None, limit: int
) -> None:
    """List how telling NAME went, the newest first."""
    from ota_server.notify.delivery import DeliveryState  # noqa: PLC0415 - help must start fast
    from ota_server.operations import notifications  # noqa: PLC0415 - as above

    wanted = None if state is None else DeliveryState(state)
    with console.desk() as desk:
        page = notifications.deliveries(desk, name, state=wanted, after=after, limit=limit)
    heads = ("event", "kind", "state", "attempts", "last", "status", "error")
    rows = [(d.event_id, d.kind, d.state, d.attempts, d.at, d.http_status, d.error) for d in page.items]
    show_page(console, "deliveries", page, table(heads, rows))


@webhook_group.command("resend")
@click.argument("name")
@click.argument("event_id", metavar="EVENT", type=click.IntRange(1))
@fleet_options
def resend_command(console: Console, *, name: str, event_id: int) -> None:
    """Have EVENT sent to NAME again, once."""
    from ota_server.operations import notifications  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        notifications.resend(desk, name, event_id)
    text = f"event {event_id} goes to {name} within seconds, if the server runs"
    console.done(text, {"name": name, "event_id": event_id})


def _show(console: Console, found: "Subscription") -> None:
    fields = found.to_fields()
    wanted = {name: value for name, value in found.filter.to_fields().items() if value}
    fields["filter"] = ", ".join(f"{name}: {cell(value)}" for name, value in wanted.items())
    console.show("\n".join(f"{name:16}{cell(value)}" for name, value in fields.items()), found)


def _show_secret(console: Console, settings: ServerSettings, made: "NewSubscription") -> None:
    """The secret alone on stdout, so that it can go into a file unseen; of a feed its address."""
    from ota_server.notify.atom import address_of  # noqa: PLC0415 - help must start fast

    is_feed = made.subscription.channel == "feed"
    text = address_of(settings.public_url, made.secret) if is_feed else made.secret
    if made.secret or console.as_json:
        console.show(text, {**made.to_fields(), "feed": text} if is_feed else made)
    note = "it is shown this once" if made.secret else "mails go out from now on"
    click.echo(f"{made.subscription.name}: {note}", err=True)


def _people(settings: ServerSettings) -> OperatorSettings:
    if settings.operators is None:
        raise ConfigError("expected --config FILE whose settings name a database, got none")
    return settings.operators
