"""``ota-server group``: sets of devices, by what is known of them."""

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.formats.counted import counted
from ota_server.cli.console import Console, table
from ota_server.cli.device import devices_table
from ota_server.cli.group import fleet_options, yes_option
from ota_server.cli.pages import page_options, show_page


@click.group("group", cls=SummaryGroup)
def group_group() -> None:
    """Make groups of devices by queries such as `tag = beta`."""


@group_group.command("list")
@click.option("--product", help="Of this product.")
@fleet_options
def list_command(console: Console, *, product: str | None) -> None:
    """List groups, and how many devices are in each."""
    from ota_server.operations import groups  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = groups.listed(desk, product=product)
    rows = [(group.product, group.name, group.devices, group.query) for group in found]
    console.show(table(("product", "group", "devices", "query"), rows), {"groups": found})


@group_group.command("show")
@click.argument("product")
@click.argument("name")
@page_options
@fleet_options
def show_command(console: Console, *, product: str, name: str, after: str | None, limit: int) -> None:
    """Show the devices in group NAME of PRODUCT."""
    from ota_server.operations import groups  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        page = groups.members(desk, product, name, after=after, limit=limit)
    show_page(console, "devices", page, devices_table(page.items))


@group_group.command("create")
@click.argument("product")
@click.argument("name")
@click.argument("query")
@fleet_options
def create_command(console: Console, *, product: str, name: str, query: str) -> None:
    """Make group NAME of the devices of PRODUCT that match QUERY.

    Devices come in and fall out by themselves.
    """
    from ota_server.operations import groups  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        group = groups.create(desk, product, name, query)
    console.done(f"group {name}: {counted(group.devices, 'device')}; {group.query}", group)


@group_group.command("edit")
@click.argument("product")
@click.argument("name")
@click.argument("query")
@fleet_options
def edit_command(console: Console, *, product: str, name: str, query: str) -> None:
    """Give group NAME of PRODUCT another QUERY; open rollouts follow."""
    from ota_server.operations import groups  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        group = groups.edit(desk, product, name, query)
    console.done(f"group {name}: {counted(group.devices, 'device')}; {group.query}", group)


@group_group.command("delete")
@click.argument("product")
@click.argument("name")
@yes_option
@fleet_options
def delete_command(console: Console, *, product: str, name: str) -> None:
    """Delete group NAME of PRODUCT; its devices stay."""
    from ota_server.operations import groups  # noqa: PLC0415 - help must start fast

    console.confirm(f"delete group {name}")
    with console.desk(write=True) as desk:
        groups.remove(desk, product, name)
    console.done(f"deleted group {name}", {"product": product, "name": name})


@group_group.command("test")
@click.argument("product")
@click.argument("query")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Ids shown.")
@fleet_options
def test_command(console: Console, *, product: str, query: str, limit: int) -> None:
    """Say which devices of PRODUCT match QUERY; nothing changes."""
    from ota_server.operations import groups  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        matches = groups.preview(desk, product, query, limit=limit)
    lines = [counted(matches.total, "device"), *matches.first]
    lines += ["..."] if matches.total > len(matches.first) else []
    console.show("\n".join(lines), {"total": matches.total, "devices": matches.first})
