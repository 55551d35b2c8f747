"""``ota-sign review``, ``sign``, ``publish``, ``refresh`` and ``discard``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ota_client.errors import ConfigError
from signing.commands.desk import Desk, repository_options, secret_options, user_name
from signing.commands.destination import DestinationOptions, destination_options
from signing.errors import NothingToDoError

if TYPE_CHECKING:
    from signing.publish import Publication


@click.command("review")
@repository_options
@click.pass_obj
def review_command(desk: Desk) -> None:
    """Show what would change. `sign` takes only what you have seen here."""
    from signing.review import review  # noqa: PLC0415 (help must start fast)

    reviews = review(desk.repository(), user=user_name())
    for entry in reviews:
        before = f"version {entry.published_version} -> " if entry.published_version else "new, version "
        desk.say(
            f"{entry.role}: {before}{entry.version}, expires {entry.expires_at:%Y-%m-%d}, "
            f"digest {entry.digest[:16]}"
        )
        for line in entry.changes:
            desk.say(f"  {line}")
    desk.say("next: sign")
    desk.report(reviews)


@click.command("sign")
@click.option("--key", "keys", multiple=True, help="Sign with this key.  [default: all that are here]")
@repository_options
@secret_options
@click.pass_obj
def sign_command(desk: Desk, *, keys: tuple[str, ...]) -> None:
    """Sign what is staged and was reviewed, and count the signatures."""
    from signing.sign import sign  # noqa: PLC0415 (help must start fast)

    counts = sign(desk.repository(), user=user_name(), key_names=keys)
    for count in counts:
        desk.say(str(count))
    complete = all(count.is_complete for count in counts)
    desk.say("next: publish" if complete else "next: the other signers run review and sign")
    desk.report([{"role": c.role, "complete": c.is_complete, "counts": c.counts} for c in counts])


@click.command("publish")
@destination_options
@click.option("--dry-run", is_flag=True, help="Check everything, as devices do too; change nothing.")
@repository_options
@secret_options
@click.pass_obj
def publish_command(
    desk: Desk,
    *,
    to: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    insecure_http: bool,
    progress: bool,
    dry_run: bool,
) -> None:
    """Make public what is staged, after simulated devices accepted it."""
    from signing.publish import publish  # noqa: PLC0415 (help must start fast)

    desk.show_progress = progress
    destination = DestinationOptions(to, token_file, ca_file, insecure_http).open(desk)
    done = publish(desk.repository(), now=desk.now, to=destination, dry_run=dry_run)
    _report(desk, "would be published" if dry_run else "published", done, to)


@click.command("refresh")
@click.option("--if-due", is_flag=True, help="Only if half of a validity is over; for a timer.")
@destination_options
@repository_options
@secret_options
@click.pass_obj
def refresh_command(
    desk: Desk,
    *,
    if_due: bool,
    to: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    insecure_http: bool,
    progress: bool,
) -> None:
    """Sign the timestamp anew, and the snapshot if it is due. What is staged stays staged."""
    from signing.refresh import refresh  # noqa: PLC0415 (help must start fast)

    desk.show_progress = progress
    destination = DestinationOptions(to, token_file, ca_file, insecure_http).open(desk)
    try:
        done = refresh(desk.repository(), now=desk.now, to=destination, if_due=if_due)
    except NothingToDoError as e:
        # a timer's run with nothing due went well
        desk.say(str(e))
        desk.report({"due": False})
        return
    _report(desk, "refreshed", done, to)


@click.command("discard")
@click.option("--yes", is_flag=True, help="Do not ask.")
@repository_options
@click.pass_obj
def discard_command(desk: Desk, *, yes: bool) -> None:
    """Throw away everything that is staged, with its signatures."""
    from signing.discard import discard  # noqa: PLC0415 (help must start fast)

    repository = desk.repository()
    if not yes and not sys.stdin.isatty():
        raise ConfigError("discard: expected --yes, as there is no terminal to ask on")
    if not yes:
        click.confirm(f"Throw away what is staged in {repository.folder}?", abort=True, err=True)
    roles = discard(repository)
    desk.say(f"thrown away: {', '.join(roles)}")
    desk.report({"discarded": roles})


def _report(desk: Desk, word: str, done: "Publication", to: str | None) -> None:
    versions = ", ".join(f"{role} {version}" for role, version in done.versions.items())
    where = "" if to is None else f" (and at {to})" if "://" in to else f" (and in {to})"
    desk.say(f"{word}{where}: {versions}")
    desk.report(done)
