"""``ota-server upload``."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ota_client.errors import ConfigError
from ota_client.formats.counted import counted
from ota_server.cli.console import Console
from ota_server.cli.group import config_option, json_option
from ota_server.files.settings import BucketSettings
from ota_server.settings.sources import layers

if TYPE_CHECKING:
    from ota_server.files.local_file import LocalFile
    from ota_server.files.upload import Upload

_MIB = 1024 * 1024
_PUBLISHED = click.Path(file_okay=False, exists=True, path_type=Path)


@click.command("upload")
@click.argument("folder", metavar="DIR", type=_PUBLISHED)
@click.option("--bucket", help="The bucket's name.")
@click.option("--prefix", help="What all names in the bucket begin with, such as fleet/updates.")
@click.option("--endpoint", help="The store's address; without it, Amazon's of the region.")
@click.option("--region", help="The bucket's region.")
@click.option("--insecure-http-endpoint", is_flag=True, default=None, help="Take an http:// endpoint.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--force", is_flag=True, help="Replace metadata that is newer, or another, in the bucket.")
@click.option("--progress/--no-progress", default=None, help="Say each file.  [default: on a terminal]")
@config_option
@json_option
@click.pass_obj
def upload_command(
    console: Console,
    /,
    *,
    folder: Path,
    dry_run: bool,
    force: bool,
    progress: bool | None,
    **flags: str | bool | None,
) -> None:
    """Send what `ota-sign publish` wrote in DIR to a bucket.

    What is there already is not sent again. Safe at any time: the timestamp, which names all the rest,
    goes last. Flags come first, then OTA_SERVER_FILES_... variables, then the table [files] of
    --config. Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from the machine's
    role.
    """
    from ota_server.files import upload  # noqa: PLC0415 - help must start fast
    from ota_server.files.bucket import Bucket  # noqa: PLC0415 - as above

    bucket = Bucket(_settings(flags, console.config))
    planned = upload.plan(folder, bucket, force=force)
    shown = sys.stderr.isatty() if progress is None else progress

    def tell(file: "LocalFile", number: int, done_bytes: int) -> None:
        if shown:
            done = f"{done_bytes / _MIB:.1f} of {planned.size_bytes / _MIB:.1f} MiB"
            click.echo(f"{number}/{len(planned.files)} {file.name} ({done})", err=True)

    if not dry_run:
        upload.send(planned, bucket, tell)
    _report(console, planned, dry_run=dry_run)


def _settings(flags: Mapping[str, str | bool | None], config: Path | None) -> BucketSettings:
    given = {name: value for name, value in flags.items() if value is not None}
    if "bucket" in given:
        given["kind"] = "s3"
    settings = BucketSettings.read(layers({"files": given}, os.environ, config).table("files"))
    if settings is None:
        raise ConfigError(
            'expected --bucket NAME, or --config with [files] and kind = "s3", got neither'
        )
    return settings


def _report(console: Console, planned: "Upload", *, dry_run: bool) -> None:
    names = [file.name for file in planned.files]
    verb = "would send" if dry_run else "sent"
    files = counted(len(names), "file")
    words = f"{verb} {files}, {planned.size_bytes} bytes; {planned.kept} were there already"
    if dry_run:
        words = "\n".join([*names, words])
    report = {
        "dry_run": dry_run,
        "files": names,
        "size_bytes": planned.size_bytes,
        "kept": planned.kept,
        "timestamp_version": planned.timestamp_version,
    }
    console.done(words, report)
