"""``ota-server release sbom`` and ``diff``: what releases are made of."""

from typing import TYPE_CHECKING

import click

from ota_client.formats.counted import counted
from ota_client.formats.version import Version
from ota_server.cli.console import Console, cell, table
from ota_server.cli.group import fleet_options
from ota_server.cli.options import VERSION

if TYPE_CHECKING:
    from ota_server.security.difference import Difference
    from ota_server.security.knowledge import KnownWeakness
    from ota_server.security.release_security import ReleaseSecurity


@click.command("sbom")
@click.argument("product")
@click.argument("version", type=VERSION)
@fleet_options
def sbom_command(console: Console, *, product: str, version: Version) -> None:
    """List what release VERSION of PRODUCT is made of, as its signed SBOM says."""
    from ota_server.operations import security  # noqa: PLC0415 - help must start fast

    with console.desk(releases=True) as desk:
        found = security.bill(desk, product, version)
    rows = [(c.name, c.version, c.licence, c.supplier, c.purl) for c in found.components]
    console.show(table(("component", "version", "licence", "supplier", "purl"), rows), found)
    if not console.as_json:
        unnamed = f", {found.unidentified} without a package URL" if found.unidentified else ""
        click.echo(f"{counted(len(found.components), 'component')} ({found.form}){unnamed}", err=True)


@click.command("diff")
@click.argument("product")
@click.argument("before", type=VERSION)
@click.argument("after", type=VERSION)
@fleet_options
def diff_command(console: Console, *, product: str, before: Version, after: Version) -> None:
    """Tell what release AFTER of PRODUCT has other than BEFORE: components and weaknesses."""
    from ota_server.operations import security  # noqa: PLC0415 - help must start fast

    with console.desk(releases=True) as desk:
        found = security.difference(desk, product, before, after)
    lines = [*_components(found), *_weaknesses("fixes", found.fixes)]
    lines += _weaknesses("brings in", found.brings_in)
    console.show("\n".join(lines) or "nothing that the SBOMs show", found)


@click.command("weaknesses")
@click.argument("product")
@click.argument("version", type=VERSION)
@fleet_options
def weaknesses_command(console: Console, *, product: str, version: Version) -> None:
    """Tell what release VERSION of PRODUCT mends, brings in, and still contains."""
    from ota_server.operations import security  # noqa: PLC0415 - help must start fast

    with console.desk(releases=True) as desk:
        found = security.release(desk, product, version)
    console.show("\n".join(_security(found)), found)


def _security(found: "ReleaseSecurity") -> list[str]:
    contains = [
        f"contains   {one.weakness.id}  {cell(one.weakness.severity)}  {one.weakness.summary}  "
        f"({', '.join(one.components) or 'our own advisory'})"
        for one in found.contains
    ]
    known = "" if found.is_read else f"no SBOM: {found.refusal or 'none that was read'}"
    return [
        f"{found.product} {found.version}, after {found.before or 'none'}",
        *([known] if known else []),
        *_weaknesses("fixes", found.fixes),
        *_weaknesses("brings in", found.brings_in),
        *contains,
        *_weaknesses("declared", found.declared),
    ]


def _components(found: "Difference") -> list[str]:
    return [
        *(f"added      {c.name} {c.version}" for c in found.added),
        *(f"removed    {c.name} {c.version}" for c in found.removed),
        *(f"changed    {c.after.name} {c.before.version} -> {c.after.version}" for c in found.changed),
    ]


def _weaknesses(head: str, found: "tuple[KnownWeakness, ...]") -> list[str]:
    return [f"{head:11}{one.id}  {cell(one.severity)}  {one.summary}" for one in found]
