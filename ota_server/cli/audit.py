"""``ota-server audit``: who did what, and whether the log of it is whole."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.errors import ConfigError
from ota_client.formats.counted import counted
from ota_client.formats.strict import parse_canonical_json
from ota_server.cli.console import Console, cell, table
from ota_server.cli.group import FILE, fleet_options
from ota_server.cli.options import TIME
from ota_server.cli.pages import page_options, show_page

_ENTRY_MOST_BYTES: Final = 1024 * 1024


@click.group("audit", cls=SummaryGroup)
def audit_group() -> None:
    """Read the audit log: every change by a person, a token or a command."""


@audit_group.command("list")
@click.option("--product", default="", help="About this product.")
@click.option("--actor", default="", help="By this operator, token or account.")
@click.option("--action", default="", help="Such as rollout.pause, or rollout for all of them.")
@click.option("--target", default="", help="Done to this.")
@click.option("--since", type=TIME, help="Not before, UTC: 2026-11-22T08:00:00Z.")
@click.option("--until", type=TIME, help="Before, UTC.")
@page_options
@fleet_options
def list_command(
    console: Console,
    *,
    product: str,
    actor: str,
    action: str,
    target: str,
    since: datetime | None,
    until: datetime | None,
    after: str | None,
    limit: int,
) -> None:
    """List what was done, the newest first."""
    from ota_server.journal.audit_page import AuditFilter  # noqa: PLC0415 - help must start fast
    from ota_server.operations import audit  # noqa: PLC0415 - as above

    wanted = AuditFilter(product, actor, action, target, since, until)
    with console.desk() as desk:
        page = audit.listed(desk, wanted, after=after, limit=limit)
    rows = [(e.id, e.at, f"{e.actor_kind}:{e.actor}", e.action, e.target) for e in page.items]
    show_page(console, "entries", page, table(("id", "at", "who", "what", "to what"), rows))


@audit_group.command("show")
@click.argument("entry_id", metavar="ID", type=int)
@fleet_options
def show_command(console: Console, *, entry_id: int) -> None:
    """Show entry ID whole."""
    from ota_server.operations import audit  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = audit.find(desk, entry_id)
    fields = found.to_fields()
    lines = [f"{name:12}{cell(value)}" for name, value in fields.items() if name != "detail"]
    lines += [f"detail.{name:5} {cell(value)}" for name, value in found.detail.items()]
    console.show("\n".join(lines), fields)


@audit_group.command("verify")
@click.option("--against", type=FILE, help="An earlier export, kept where this server cannot reach it.")
@fleet_options
def verify_command(console: Console, *, against: Path | None) -> None:
    """Check that no entry was changed or taken out.

    Whoever can write the database can write the whole log anew. Only an export that was kept elsewhere
    shows that.
    """
    from ota_server.operations import audit  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        found = audit.verify(desk, () if against is None else _entries(against))
    text = f"{counted(found.entries, 'entry')}, unbroken; the last one's sha256 is {found.sha256}"
    if against is not None:
        if not found.kept:
            raise ConfigError(f"{against}: expected an export with entries in it, got none")
        text += f"\nthe {found.kept} entries of {against} are among them, unchanged"
    console.show(text, found)


@audit_group.command("export")
@click.option("--after", type=click.IntRange(0), default=0, help="Only what follows this entry.")
@fleet_options
def export_command(console: Console, *, after: int) -> None:
    """Write the log on stdout: an entry a line, as JSON, oldest first."""
    from ota_server.operations import audit  # noqa: PLC0415 - help must start fast

    with console.desk() as desk:
        for line in audit.export(desk, after=after):
            sys.stdout.write(line.decode())
    # here a full disk is told of; at the end of the process it were not
    sys.stdout.flush()


def _entries(path: Path) -> Iterator[dict[str, object]]:
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield _entry(line, f"{path}: line {number}")
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}") from e


def _entry(line: bytes, where: str) -> dict[str, object]:
    value = parse_canonical_json(
        line.rstrip(b"\n"), max_bytes=_ENTRY_MOST_BYTES, what=where, error=ConfigError
    )
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: expected an entry as `ota-server audit export` writes it")
    return value
