"""``ota-server migrate``."""

import click

from ota_server.cli.console import Console
from ota_server.cli.group import fleet_options


@click.command("migrate")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@fleet_options
def migrate_command(console: Console, *, dry_run: bool) -> None:
    """Bring the database to this version's schema.

    Where there are no tables yet, it makes them.
    """
    from ota_server.database import migrate  # noqa: PLC0415 - help must start fast
    from ota_server.database.opening import is_there, opened_for_change  # noqa: PLC0415 - as above
    from ota_server.database.revision import HEAD  # noqa: PLC0415 - as above

    url = console.fleet().database
    if dry_run and not is_there(url):
        steps = migrate.every_step()
    else:
        with opened_for_change(url) as database:
            steps = migrate.pending(database) if dry_run else migrate.upgrade(database)
    if not steps:
        text = f"nothing to do: the schema is {HEAD}"
    else:
        verb = "would run" if dry_run else "ran"
        text = "\n".join(f"{verb} {step.revision}: {step.summary}" for step in steps)
    console.done(text, {"schema": HEAD, "dry_run": dry_run, "steps": steps})
