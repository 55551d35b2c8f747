"""``ota-server device``: who is in the fleet, what it runs, and how it leaves."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.formats.counted import agreed, counted
from ota_client.formats.version import Version
from ota_server.cli.console import Console, cell, table
from ota_server.cli.group import fleet_options, reason_option, yes_option
from ota_server.cli.options import DURATION, LIMIT, VERSION
from ota_server.cli.pages import page_options, show_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ota_server.devices.device import Device

_HEADS = ("device", "product", "hardware", "runs", "offered", "phase", "seen", "status", "tags")


@click.group("device", cls=SummaryGroup)
def device_group() -> None:
    """Look at devices, tag them, and let them go."""


@device_group.command("list")
@click.option("--product", help="Of this product.")
@click.option("--group", help="In this group of the product.")
@click.option("--version", type=VERSION, help="Running this version.")
@click.option("--text", help="Their ids begin with it.")
@click.option("--tag", help="With this tag.")
@click.option("--status", type=click.Choice(["active", "revoked"]), help="Of this status.")
@click.option("--unseen-for", type=DURATION, help="Without a check-in for so long: 2h, 7d.")
@page_options
@fleet_options
def list_command(
    console: Console,
    *,
    product: str | None,
    group: str | None,
    version: Version | None,
    text: str | None,
    tag: str | None,
    status: str | None,
    unseen_for: timedelta | None,
    after: str | None,
    limit: int,
) -> None:
    """List devices in the order of their ids."""
    from ota_server.devices.device_list import DeviceFilter  # noqa: PLC0415 - help must start fast
    from ota_server.operations import devices, groups  # noqa: PLC0415 - as above

    if group and not product:
        raise click.UsageError("expected --product with --group: names of groups belong to a product")
    wanted = DeviceFilter(
        product=product,
        group=group,
        version=version,
        text=text,
        status=status,
        tag=tag,
        seen_before=None if unseen_for is None else console.now - unseen_for,
    )
    with console.desk() as desk:
        if product and group:
            groups.find(desk, product, group)
        page = devices.listed(desk, wanted, after=after, limit=limit)
    show_page(console, "devices", page, devices_table(page.items))


def devices_table(found: "Iterable[Device]") -> str:
    """Devices in columns."""
    return table(_HEADS, map(_row, found))


def _row(d: "Device") -> tuple[object, ...]:
    what = (d.device_id, d.product, d.hardware_id)
    state = (d.running_version, d.offered_version, d.phase)
    return (*what, *state, d.seen_at, d.status, d.tags)


@device_group.command("show")
@click.argument("device_id", metavar="DEVICE")
@fleet_options
def show_command(console: Console, *, device_id: str) -> None:
    """Show what is known of DEVICE, also attributes and slots."""
    from ota_server.operations import devices  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = devices.show(desk, device_id)
    fields, stored = found.device.to_fields(), found.inventory
    lines = [f"{name:24}{cell(value)}" for name, value in fields.items()]
    lines.append(f"{'groups':24}{cell(found.groups)}")
    lines += [
        f"rollout {place.rollout:16}{place.version}: {place.state} ({place.rollout_state})"
        for place in found.places
    ]
    if stored is not None:
        lines += [f"attribute.{name:14}{value}" for name, value in sorted(stored.attributes.items())]
        lines += [_slot_line(slot) for slot in stored.slots]
    more = {"groups": found.groups, "rollouts": found.places, "inventory": stored}
    console.show("\n".join(lines), {**fields, **more})


def _slot_line(slot: "Mapping[str, str | bool | None]") -> str:
    """As a device sent it: a name, a version, and flags such as booted or good."""
    flags = (flag for flag, value in slot.items() if value is True)
    name = f"slot {slot.get('name')}"
    return f"{name:24}{', '.join((cell(slot.get('version')), *flags))}"


@device_group.command("history")
@click.argument("device_id", metavar="DEVICE")
@click.option("--limit", type=LIMIT, default=100, show_default=True, help="So many at most.")
@fleet_options
def history_command(console: Console, *, device_id: str, limit: int) -> None:
    """Tell what happened to DEVICE, the newest first."""
    from ota_server.operations import devices  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        entries = devices.history(desk, device_id, limit=limit)
    rows = [(e.at, e.kind, e.version, e.rollout, e.code, e.detail) for e in entries]
    text = table(("at", "what", "version", "rollout", "code", "detail"), rows)
    console.show(text, {"device_id": device_id, "history": entries})


@device_group.command("tag")
@click.argument("device_id", metavar="DEVICE")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@fleet_options
def tag_command(console: Console, *, device_id: str, tags: tuple[str, ...]) -> None:
    """Put TAGs on DEVICE."""
    _change_tags(console, device_id, add=tags)


@device_group.command("untag")
@click.argument("device_id", metavar="DEVICE")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@fleet_options
def untag_command(console: Console, *, device_id: str, tags: tuple[str, ...]) -> None:
    """Take TAGs off DEVICE."""
    _change_tags(console, device_id, remove=tags)


def _change_tags(
    console: Console, device_id: str, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()
) -> None:
    from ota_server.operations import devices  # noqa: PLC0415 - help must start fast

    with console.desk(write=True) as desk:
        now_has = devices.change_tags(desk, device_id, add=add, remove=remove)
    text = f"{device_id} has the tags {', '.join(now_has)}" if now_has else f"{device_id} has no tags"
    console.done(text, {"device_id": device_id, "tags": now_has})


@device_group.command("revoke")
@click.argument("device_id", metavar="DEVICE")
@reason_option
@yes_option
@fleet_options
def revoke_command(console: Console, *, device_id: str, reason: str) -> None:
    """Refuse DEVICE from its next request on.

    What is known of it stays. Its key never comes back; a token issued with --rekey lets the device
    enrol with another.
    """
    from ota_server.operations import devices  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        devices.find(desk, device_id)
    console.confirm(f"revoke {device_id}")
    with console.desk(write=True) as desk:
        devices.revoke(desk, device_id, reason=reason)
    console.done(f"revoked {device_id}", {"device_id": device_id, "status": "revoked"})


@device_group.command("decommission")
@click.argument("device_id", metavar="DEVICE")
@reason_option
@yes_option
@fleet_options
def decommission_command(console: Console, *, device_id: str, reason: str) -> None:
    """Erase all that is known of DEVICE.

    What stays is the sha256 of its key, so that the key never comes back.
    """
    from ota_server.operations import devices  # noqa: PLC0415 - help must start fast

    console.confirm(f"erase {device_id}")
    with console.desk(write=True) as desk:
        erased = devices.decommission(desk, device_id, reason=reason)
    text = f"erased {device_id}" if erased.devices else f"nothing to erase: {device_id} is not known"
    console.done(text, {"device_id": device_id, "erased": erased})


@device_group.command("exposed")
@click.argument("advisory", metavar="ADVISORY")
@click.option("--devices", "with_devices", is_flag=True, help="List the devices, not the counts alone.")
@page_options
@fleet_options
def exposed_command(
    console: Console, *, advisory: str, with_devices: bool, after: str | None, limit: int
) -> None:
    """Tell which devices still run something with ADVISORY.

    ADVISORY is the id that a release lists, such as CVE-2026-1234.
    """
    from ota_server.operations import security  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        if with_devices:
            page = security.exposed_devices(desk, advisory, after=after, limit=limit)
            show_page(console, "devices", page, devices_table(page.items))
            return
        found = security.exposed(desk, advisory)
    rows = [(one.product, one.version, one.devices) for one in found.versions]
    runs = agreed(found.devices, "run")
    lines = [
        f"{found.weakness.id} {cell(found.weakness.severity)}: {found.weakness.summary}",
        f"{found.devices} of {counted(found.of, 'device')} {runs} a version without the fix",
        *([f"{found.unknown} on a version that nobody can tell of"] if found.unknown else []),
        *([table(("product", "version", "devices"), rows)] if rows else []),
    ]
    console.show("\n".join(lines), found)
