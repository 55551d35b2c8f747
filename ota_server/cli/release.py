"""``ota-server release``: what is published, as far as a device would believe it."""

from typing import TYPE_CHECKING

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.formats.version import Version
from ota_server.cli.console import Console, cell, table
from ota_server.cli.group import fleet_options
from ota_server.cli.options import VERSION
from ota_server.cli.release_sbom import diff_command, sbom_command, weaknesses_command

if TYPE_CHECKING:
    from ota_server.operations.releases import ListedRelease, ReleaseDetails


@click.group("release", cls=SummaryGroup)
def release_group() -> None:
    """Look at published releases; `ota-sign` makes them."""


for _command in (sbom_command, diff_command, weaknesses_command):
    release_group.add_command(_command)


@release_group.command("list")
@click.argument("product", required=False)
@fleet_options
def list_command(console: Console, *, product: str | None) -> None:
    """List the releases of PRODUCT, or of all."""
    from ota_server.operations import releases  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = releases.listed(desk, product=product)
    heads = ("product", "version", "devices", "rollback index", "min version", "hardware", "advisories")
    fields = [{**one.release.to_fields(), "devices": one.devices} for one in found]
    console.show(table(heads, map(_row, found)), {"releases": fields})


def _row(one: "ListedRelease") -> tuple[object, ...]:
    r = one.release
    facts = (r.rollback_index, r.min_version, r.hardware_ids)
    return (r.product, r.version, one.devices, *facts, tuple(a.id for a in r.advisories))


@release_group.command("show")
@click.argument("product")
@click.argument("version", type=VERSION)
@fleet_options
def show_command(console: Console, *, product: str, version: Version) -> None:
    """Show release VERSION of PRODUCT."""
    from ota_server.operations import releases  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = releases.find(desk, product, version)
    fields = found.to_fields()
    plain = {name: value for name, value in fields.items() if name not in _LINES}
    lines = [f"{name:18}{cell(value)}" for name, value in plain.items()]
    console.show("\n".join([*lines, *_lines(found)]), fields)


_LINES = ("advisories", "fixes", "signatures", "sbom")


def _lines(found: "ReleaseDetails") -> list[str]:
    release, signed = found.release, found.signatures
    fixed = {advisory.id for advisory in found.fixes}
    sbom = release.sbom
    return [
        f"{'sbom':18}{sbom.file if sbom else '-'}",
        f"{'signed by':18}{cell(signed.signed)} ({signed.threshold} needed)",
        *(
            f"{a.id}  {a.severity}  {a.summary}  fixed in {a.fixed_in}"
            f"{'  (new here)' if a.id in fixed else ''}"
            for a in release.advisories
        ),
    ]
