"""``ota-server backup`` and ``ota-server restore``."""

from pathlib import Path

import click

from ota_client.formats.counted import counted
from ota_server.cli.console import Console
from ota_server.cli.group import FILE, fleet_options, yes_option
from ota_server.cli.progress import meter


@click.command("backup")
@click.argument("target", metavar="FILE", type=FILE)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option("--progress", "always", is_flag=True, help="Say how far it is, also without a terminal.")
@fleet_options
def backup_command(console: Console, *, target: Path, force: bool, always: bool) -> None:
    """Write the fleet, its database and its authority, into FILE.

    One state of the whole database; the server may run meanwhile. The device authority's key is in it:
    keep FILE as you keep a key.
    """
    from ota_server.backup.make import make_backup  # noqa: PLC0415 - help must start fast
    from ota_server.backup.mark import note_backup  # noqa: PLC0415 - as above

    fleet = console.fleet()
    with console.database() as database:
        manifest = make_backup(
            database,
            target,
            authority=(fleet.authority, fleet.authority_key),
            now=console.now,
            force=force,
            progress=meter("backup", "rows", always=always),
        )
        with database.begin() as connection:
            note_backup(connection, manifest.rows, now=console.now)
    report = {"file": target, "schema": manifest.schema, "rows": manifest.rows}
    console.done(f"wrote {target}: {counted(manifest.rows, 'row')}, schema {manifest.schema}", report)


@click.command("restore")
@click.argument("source", metavar="FILE", type=FILE)
@click.option("--force", is_flag=True, help="Erase what is in the database, replace the authority.")
@click.option("--progress", "always", is_flag=True, help="Say how far it is, also without a terminal.")
@yes_option
@fleet_options
def restore_command(console: Console, *, source: Path, force: bool, always: bool) -> None:
    """Put the backup FILE into the database of the settings.

    SQLite or PostgreSQL, whichever it came from. Stop the server before. The whole file is verified
    first; then all of it is restored, or nothing. Sessions and one-time links end.
    """
    from ota_server.backup import restore  # noqa: PLC0415 - help must start fast
    from ota_server.database.opening import opened_for_change  # noqa: PLC0415 - as above
    from ota_server.server_folder import restore_authority  # noqa: PLC0415 - as above

    fleet = console.fleet()
    manifest = restore.read_manifest(source)
    authority = restore.read_authority(source)
    if force:
        console.confirm("erase what is in the database")
    files = (fleet.authority, fleet.authority_key)
    restore_authority(files, authority, force=force, dry_run=True)
    with opened_for_change(fleet.database) as database:
        show = meter("restore", "rows", always=always)
        ended = restore.restore_database(database, source, manifest, force=force, progress=show)
    restore_authority(files, authority, force=force)
    report = {"file": source, "schema": manifest.schema, "rows": manifest.rows, "ended": ended}
    text = f"restored {counted(manifest.rows, 'row')} of {manifest.created_at}"
    if ended.sessions or ended.links:
        sessions, links = counted(ended.sessions, "session"), counted(ended.links, "one-time link")
        text += (
            f"\nended {sessions} and {links}: people sign in again; "
            "`ota-server user invite NAME --again` makes a new link"
        )
    console.done(text, report)
