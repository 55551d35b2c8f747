"""``ota-sign product``: products and the hardware that they run on."""

import click

from ota_client.cli.summaries import SummaryGroup
from signing.commands.desk import Desk, repository_options, secret_options


@click.group("product", cls=SummaryGroup)
def product_group() -> None:
    """Add and list products."""


@product_group.command("add")
@click.argument("name")
@click.option("--hardware-id", "hardware_ids", multiple=True, required=True, help="A board it runs on.")
@click.option("--key", "keys", multiple=True, help="A key that signs its releases.  [default: NAME]")
@click.option("--threshold", type=click.IntRange(1, 255), default=1, show_default=True)
@repository_options
@secret_options
@click.pass_obj
def add(
    desk: Desk, *, name: str, hardware_ids: tuple[str, ...], keys: tuple[str, ...], threshold: int
) -> None:
    """Add product NAME, or more hardware ids to it."""
    from signing.product import add_product  # noqa: PLC0415 (help must start fast)

    add_product(desk.repository(), name, hardware_ids, keys=keys, threshold=threshold, now=desk.now)
    desk.staged(f"product {name} on {', '.join(hardware_ids)}")


@product_group.command("list")
@repository_options
@click.pass_obj
def list_products(desk: Desk) -> None:
    """List products, their hardware ids, keys and thresholds."""
    from signing.product import list_products  # noqa: PLC0415 (help must start fast)

    products = list_products(desk.repository())
    for product in products:
        desk.say(
            f"{product.name}: hardware ids {', '.join(product.hardware_ids)}; signed by "
            f"{product.threshold} of {', '.join(product.keys)}; channels {product.channels_text()}"
        )
    if not products:
        desk.say("no products yet; `product add` makes one")
    desk.report(products)
