"""``ota-server privacy``: what is kept about somebody, handed out and erased."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.errors import ConfigError
from ota_server.cli.console import Console, table
from ota_server.cli.group import FILE, fleet_options, yes_option
from ota_server.errors import NotFoundError
from ota_server.plain import plain
from ota_server.settings import read_unchecked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ota_server.operations.desk import Desk
    from ota_server.privacy.subject import Rows


@click.group("privacy", cls=SummaryGroup)
def privacy_group() -> None:
    """Hand out and erase what is kept about a device, its owner or an operator."""


@privacy_group.command("export")
@click.argument("name", metavar="DEVICE|OPERATOR")
@click.option(
    "--operator", "is_operator", is_flag=True, help="The name of an operator, not the id of a device."
)
@click.option("--out", type=FILE, help="Write into this file, for its owner alone.")
@click.option("--force", is_flag=True, help="Replace the file.")
@fleet_options
def export_command(
    console: Console, *, name: str, is_operator: bool, out: Path | None, force: bool
) -> None:
    """Write all that is kept about a device and its owner, or about an operator, as JSON.

    A device of this name comes first. Secrets are left out.
    """
    import json  # noqa: PLC0415 - help must start fast

    if out is not None and out.exists() and not force:
        raise ConfigError(f"{out} exists already; to replace it use --force")
    with console.desk(write=True) as desk:
        kind, found = _exported(desk, name, is_operator=is_operator)
    text = json.dumps(plain({"subject": kind, "name": name, "kept": dict(found)}), indent=2)
    if out is None:
        click.echo(text)
        return
    _write(out, text)
    console.done(f"wrote {out}", {"file": out, "subject": kind})


def _exported(desk: "Desk", name: str, *, is_operator: bool) -> tuple[str, "Mapping[str, Rows]"]:
    from ota_server.operations import privacy  # noqa: PLC0415 - help must start fast

    if not is_operator:
        with suppress(NotFoundError):
            return "device", privacy.export_device(desk, name)
    try:
        return "operator", privacy.export_operator(desk, name)
    except NotFoundError as e:
        raise NotFoundError(
            f"expected the id of a device or the name of an operator, got {name[:80]!r}"
        ) from e


def _write(out: Path, text: str) -> None:
    fresh = out.with_name(f".{out.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
        fresh.replace(out)
    except OSError as e:
        raise ConfigError(f"{out} cannot be written: {e.strerror}") from e


@privacy_group.command("erase-operator")
@click.argument("name")
@yes_option
@fleet_options
def erase_operator_command(console: Console, *, name: str) -> None:
    """Forget operator NAME: account, sessions, tokens, subscriptions; the audit log keeps the name."""
    from ota_server.operations import privacy  # noqa: PLC0415 - help must start fast

    console.confirm(f"erase the operator {name}")
    with console.desk(write=True) as desk:
        erased = privacy.erase_operator(desk, name)
    text = f"erased {name}: {erased.pseudonym} stands for it now, but in the audit log"
    console.done(text, erased)


@privacy_group.command("retain")
@click.option("--dry-run", is_flag=True, help="Count what would go, and remove nothing.")
@fleet_options
def retain_command(console: Console, *, dry_run: bool) -> None:
    """Remove what the table [retention] says has been kept long enough.

    A running server does this by itself, every six hours.
    """
    from ota_server.operations import privacy  # noqa: PLC0415 - help must start fast
    from ota_server.privacy import retention  # noqa: PLC0415 - as above

    operators = read_unchecked(os.environ, console.config).operators
    if operators is None:
        raise ConfigError("expected --config FILE whose settings name a database, got none")
    with console.database() as database:
        if dry_run:
            with database.read() as connection:
                found = retention.due(connection, operators.retention, console.now)
        else:
            found = dict(retention.retain(database, operators.retention, now=console.now))
    if not dry_run:
        with console.desk(write=True) as desk:
            privacy.note_retention(desk, found)
    rows = list(found.items())
    heads = ("table", "would go" if dry_run else "removed")
    console.show(table(heads, rows), {"dry_run": dry_run, "rows": found})
