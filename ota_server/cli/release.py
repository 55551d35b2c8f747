"""``ota-server release``: what is published, as far as a device would believe it."""

from typing import TYPE_CHECKING

import click

from ota_client.formats.version import Version
from ota_server.cli.console import Console, cell, table
from ota_server.cli.group import fleet_options
from ota_server.cli.options import VERSION

if TYPE_CHECKING:
    from ota_server.catalog import CatalogRelease


@click.group("release")
def release_group() -> None:
    """Look at published releases; `ota-sign` makes them."""


@release_group.command("list")
@click.argument("product", required=False)
@fleet_options
def list_command(console: Console, *, product: str | None) -> None:
    """List the releases of PRODUCT, or of all."""
    catalog = console.catalog()
    products = catalog.products() if product is None else (product,)
    found = [release for name in products for release in catalog.releases(name)]
    heads = ("product", "version", "rollback index", "min version", "hardware", "advisories")
    rows = [(*_row(r), tuple(advisory.id for advisory in r.advisories)) for r in found]
    console.show(table(heads, rows), {"releases": found})


def _row(r: "CatalogRelease") -> tuple[object, ...]:
    return r.product, r.version, r.rollback_index, r.min_version, r.hardware_ids


@release_group.command("show")
@click.argument("product")
@click.argument("version", type=VERSION)
@fleet_options
def show_command(console: Console, *, product: str, version: Version) -> None:
    """Show release VERSION of PRODUCT."""
    release = console.catalog().release(product, version)
    fields = release.to_fields()
    lines = [f"{name:18}{cell(value)}" for name, value in fields.items() if name != "advisories"]
    lines += [f"{a.id}  {a.severity}  {a.summary}  fixed in {a.fixed_in}" for a in release.advisories]
    console.show("\n".join(lines), fields)
