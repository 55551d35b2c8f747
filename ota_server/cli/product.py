"""``ota-server product``: what there is of each product, and its rules."""

import click

from ota_client.cli.summaries import SummaryGroup
from ota_server.cli.console import Console, cell, table
from ota_server.cli.group import fleet_options


@click.group("product", cls=SummaryGroup)
def product_group() -> None:
    """Look at products, and set their rules."""


@product_group.command("list")
@fleet_options
def list_command(console: Console) -> None:
    """List products: published, with devices, with groups, or with rules."""
    from ota_server.operations import products  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = products.listed(desk)
    heads = ("product", "devices", "releases", "newest", "approval", "problem")
    rows = [
        (p.name, p.devices, p.releases, p.newest, "needed" if p.needs_approval else "-", p.problem)
        for p in found
    ]
    console.show(table(heads, rows), {"products": found})


@product_group.command("show")
@click.argument("product")
@fleet_options
def show_command(console: Console, *, product: str) -> None:
    """Show one PRODUCT."""
    from ota_server.operations import products  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = products.find(desk, product)
    facts = {
        "product": found.name,
        "devices": found.devices,
        "releases": found.releases,
        "newest": found.newest,
        "needs approval": "yes" if found.needs_approval else "no",
        "problem": found.problem,
    }
    console.show("\n".join(f"{name:16}{cell(value)}" for name, value in facts.items()), found)


@product_group.command("set")
@click.argument("product")
@click.option(
    "--needs-approval/--no-approval",
    "needs_approval",
    default=None,
    help="Whether a rollout waits for a second person.",
)
@fleet_options
def set_command(console: Console, *, product: str, needs_approval: bool | None) -> None:
    """Set the rules of PRODUCT; rollouts that were made before keep their state."""
    if needs_approval is None:
        raise click.UsageError("expected --needs-approval or --no-approval, got neither")
    from ota_server.operations import products  # noqa: PLC0415 - help must start fast
    from ota_server.rollouts.product_rules import ProductRules  # noqa: PLC0415 - as above

    with console.desk(write=True, releases=True) as desk:
        rules = products.set_rules(desk, product, ProductRules(needs_approval=needs_approval))
        is_known = products.is_known(desk, product)
    text = "need a second person's approval" if needs_approval else "start without approval"
    report = {"product": product, "needs_approval": rules.needs_approval}
    console.done(f"{product}: rollouts {text}", report)
    if not is_known:
        click.echo(doubt(product), err=True)


def doubt(product: str) -> str:
    """What is said of a product that nothing is known of: allowed beforehand, and easily mistyped."""
    return f"{product} has no release and no device yet: is it the right name?"
