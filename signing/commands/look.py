"""``ota-sign status``, ``verify`` and ``inspect``: look, and change nothing."""

from pathlib import Path

import click

from ota_client.errors import ConfigError
from signing.commands.desk import Desk, json_option, repository_options


@click.command("status")
@repository_options
@click.pass_obj
def status_command(desk: Desk) -> None:
    """Show versions, days left, keys, and what is staged; warn ahead of expiries."""
    from signing.status import status  # noqa: PLC0415 (help must start fast)

    roles = status(desk.repository(), now=desk.now)
    width = max(len(role.role) for role in roles)
    for role in roles:
        state = (
            f"version {role.version}, {role.days_left} days left" if role.version else "not published"
        )
        desk.say(
            f"{role.role:<{width}}  {state}; {role.threshold} of {', '.join(role.keys) or 'no keys'}"
        )
        if role.staged_version:
            desk.say(f"{'':<{width}}  staged version {role.staged_version}: {role.signatures}")
        if role.warning:
            way = "refresh" if role.role in {"snapshot", "timestamp"} else f"renew {role.role}"
            desk.note(f"warning: {role.role} expires {role.expires_at:%Y-%m-%d}; `{way}` renews it")
    desk.report(roles)


@click.command("verify")
@click.argument("location", metavar="DIR|URL")
@click.option("--root", "root", type=click.Path(path_type=Path), required=True, help="The pinned root.")
@click.option("--deep", is_flag=True, help="Fetch, decode and hash every payload too.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Trust these authorities (PEM).")
@click.option("--insecure-http", is_flag=True, help="Take http:// addresses.")
@click.option("--progress", is_flag=True, help="Tell the progress even without a terminal.")
@json_option
@click.pass_obj
def verify_command(
    desk: Desk,
    *,
    location: str,
    root: Path,
    deep: bool,
    ca_file: Path | None,
    insecure_http: bool,
    progress: bool,
) -> None:
    """Verify a published repository as a new device with the pinned root does."""
    from signing.verify import open_location, verify_repository  # noqa: PLC0415 (help must start fast)

    desk.show_progress = progress
    try:
        pinned_root = root.read_bytes()
    except OSError as e:
        raise ConfigError(f"root {root}: {e.strerror}") from e
    with open_location(location, ca_file=ca_file, insecure_http=insecure_http) as (fetcher, base_url):
        reports = verify_repository(
            fetcher,
            base_url,
            pinned_root=pinned_root,
            now=desk.now,
            deep=deep,
            progress=desk.progress("verify") if deep else None,
        )
    for report in reports:
        channels = ", ".join(f"{name} {version}" for name, version in report.channels.items()) or "none"
        desk.say(
            f"{report.product}: good; {len(report.releases)} release(s), channels: {channels}; "
            f"root version {report.root_version}; valid until {report.expires_at:%Y-%m-%d %H:%M} UTC"
        )
        if deep:
            desk.say(f"{report.product}: {report.payload_bytes} payload bytes decoded and hashed")
    desk.report(reports)


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def inspect_command(desk: Desk, *, file: Path) -> None:
    """Describe FILE in words: metadata, manifest, payload index or public key. Verifies nothing."""
    from signing.inspection import inspect  # noqa: PLC0415 (help must start fast)

    found = inspect(file)
    desk.say(found.kind)
    for name, value in found.facts.items():
        desk.say(f"  {name}: {value}")
    desk.report(found)
