"""``ota-sign release`` and ``channel``: what devices are offered."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.errors import ConfigError
from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Severity
from signing.commands.desk import Desk, repository_options

if TYPE_CHECKING:
    from signing.release import NewRelease

_DEFAULT_ACTION = "Install this update."


class _VersionType(click.ParamType[Version]):
    name = "version"

    def convert(
        self, value: str | Version, param: click.Parameter | None, ctx: click.Context | None
    ) -> Version:
        if isinstance(value, Version):
            return value
        try:
            return Version.parse(value)
        except ValueError as e:
            self.fail(str(e), param, ctx)


VERSION = _VersionType()


@click.group("release", cls=SummaryGroup)
def release_group() -> None:
    """Add, list and retire releases."""


@release_group.command("add")
@click.option("--product", required=True, help="Whose release it is.")
@click.option("--version", type=VERSION, required=True, help="SemVer, such as 1.4.2 or 2.0.0-rc.1.")
@click.option(
    "--rollback-index",
    type=click.IntRange(0),
    required=True,
    help="Raise it only if releases below must never run again.",
)
@click.option("--hardware-id", "hardware_ids", multiple=True, required=True, help="A board it runs on.")
@click.option("--image", "images", metavar="SLOT=FILE", multiple=True, help="An image for a slot.")
@click.option(
    "--tar", "tars", metavar="SLOT=FILE", multiple=True, help="A tar file, unpacked by the device."
)
@click.option(
    "--verity", metavar="SLOT", multiple=True, help="Append a dm-verity hash tree to this image."
)
@click.option("--channel", "channels", multiple=True, help="A channel that shall offer it.")
@click.option("--min-version", type=VERSION, help="Devices below it must first install one between.")
@click.option(
    "--advisory", "advisories", metavar="ID:SEVERITY:TEXT", multiple=True, help="What it mends."
)
@click.option(
    "--advisory-action",
    "actions",
    metavar="ID:TEXT",
    multiple=True,
    help=f"What the device's owner should do.  [default: {_DEFAULT_ACTION}]",
)
@click.option("--notes", type=click.Path(path_type=Path), help="A file with release notes.")
@click.option("--sbom", type=click.Path(path_type=Path), help="A software bill of materials.")
@click.option(
    "--region-bytes", type=click.IntRange(4096, 4194304), help="A power of two.  [default: by size]"
)
@click.option("--level", type=click.IntRange(1, 19), default=9, show_default=True, help="Of zstd.")
@click.option("--progress", is_flag=True, help="Tell the progress even without a terminal.")
@click.option("--dry-run", is_flag=True, help="Check everything, stage nothing.")
@repository_options
@click.pass_obj
def add(
    desk: Desk,
    *,
    product: str,
    version: Version,
    rollback_index: int,
    hardware_ids: tuple[str, ...],
    images: tuple[str, ...],
    tars: tuple[str, ...],
    verity: tuple[str, ...],
    channels: tuple[str, ...],
    min_version: Version | None,
    advisories: tuple[str, ...],
    actions: tuple[str, ...],
    notes: Path | None,
    sbom: Path | None,
    region_bytes: int | None,
    level: int,
    progress: bool,
    dry_run: bool,
) -> None:
    """Stage a release: its images, and what devices must know of it."""
    from signing.release import NewRelease  # noqa: PLC0415 (help must start fast)

    desk.show_progress = progress
    new = NewRelease(
        product,
        version,
        rollback_index,
        hardware_ids,
        (*(_image("--image", text) for text in images), *(_image("--tar", text) for text in tars)),
        channels,
        min_version,
        _advisories(advisories, actions, version),
        _read_notes(notes),
        sbom,
        verity,
        tuple(_image("--tar", text)[0] for text in tars),
    )
    _add(desk, new, level=level, region_bytes=region_bytes, dry_run=dry_run)


def _add(desk: Desk, new: "NewRelease", *, level: int, region_bytes: int | None, dry_run: bool) -> None:
    from signing.release import add_release, check_release  # noqa: PLC0415 (help must start fast)
    from signing.staged_files import Encoding  # noqa: PLC0415 (as above)

    if dry_run:
        check_release(desk.repository(), new)
        desk.say(f"release {new.product} {new.version} could be added; nothing was staged")
        desk.report({"product": new.product, "version": new.version, "dry_run": True})
        return
    encoding = Encoding(level, region_bytes, desk.progress(f"{new.product} {new.version}"))
    manifest = add_release(desk.repository(), new, now=desk.now, encoding=encoding)
    for image in manifest.images:
        packed = image.payload.data_bytes / image.size_bytes
        desk.say(f"image {image.slot}: {image.size_bytes} bytes, packed to {packed:.0%}, {image.sha256}")
        if image.verity is not None:
            desk.say(f"image {image.slot}: dm-verity root hash {image.verity.root_hash}")
    desk.say(f"staged: release {new.product} {new.version}; next: review, sign, publish")
    desk.report(json.loads(manifest.to_bytes()))


@release_group.command("list")
@click.option("--product", help="Only of this product.")
@repository_options
@click.pass_obj
def list_releases(desk: Desk, *, product: str | None) -> None:
    """List releases, as staged or else published."""
    from signing.release import list_releases  # noqa: PLC0415 (help must start fast)

    catalogs = list_releases(desk.repository(), product)
    for catalog in catalogs:
        for release in catalog.releases:
            on = [name for name, version in catalog.channels.items() if version == release.version]
            channels = f"  on {', '.join(on)}" if on else ""
            desk.say(
                f"{catalog.product} {release.version}  rollback index {release.rollback_index}{channels}"
            )
    desk.report(catalogs)


@release_group.command("retire")
@click.argument("product")
@click.argument("version", type=VERSION)
@repository_options
@click.pass_obj
def retire(desk: Desk, *, product: str, version: Version) -> None:
    """Stage the end of a release: no longer offered, its files gone."""
    from signing.release import retire_release  # noqa: PLC0415 (help must start fast)

    retire_release(desk.repository(), product, version, now=desk.now)
    desk.staged(f"end of release {product} {version}")


@click.group("channel", cls=SummaryGroup)
def channel_group() -> None:
    """Decide which release a channel offers."""


@channel_group.command("set")
@click.argument("product")
@click.argument("channel")
@click.argument("version", type=VERSION)
@repository_options
@click.pass_obj
def set_channel(desk: Desk, *, product: str, channel: str, version: Version) -> None:
    """Let CHANNEL of PRODUCT offer VERSION. Channels move forward only."""
    from signing.channel import set_channel  # noqa: PLC0415 (help must start fast)

    set_channel(desk.repository(), product, channel, version, now=desk.now)
    desk.staged(f"channel {channel} of {product} offers {version}")


def _image(option: str, text: str) -> tuple[str, Path]:
    slot, separator, file = text.partition("=")
    if not separator or not file:
        raise ConfigError(f"{option}: expected SLOT=FILE, got {text[:80]!r}")
    return slot, Path(file)


def _advisories(
    texts: tuple[str, ...], actions: tuple[str, ...], fixed_in: Version
) -> tuple[Advisory, ...]:
    by_id = dict(_split(text, 2, "--advisory-action: expected ID:TEXT") for text in actions)
    found = [_split(text, 3, "--advisory: expected ID:SEVERITY:TEXT") for text in texts]
    unknown = sorted(set(by_id) - {advisory_id for advisory_id, _, _ in found})
    if unknown:
        raise ConfigError(f"--advisory-action: expected the id of an --advisory, got {unknown[0]!r}")
    return tuple(
        Advisory(
            advisory_id, _severity(severity), summary, by_id.get(advisory_id, _DEFAULT_ACTION), fixed_in
        )
        for advisory_id, severity, summary in found
    )


def _split(text: str, parts: int, expected: str) -> list[str]:
    found = [part.strip() for part in text.split(":", parts - 1)]
    if len(found) != parts or not all(found):
        raise ConfigError(f"{expected}, got {text[:80]!r}")
    return found


def _severity(text: str) -> Severity:
    try:
        return Severity(text.lower())
    except ValueError as e:
        known = ", ".join(Severity)
        raise ConfigError(f"--advisory: expected a severity ({known}), got {text[:80]!r}") from e


def _read_notes(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text()
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is no UTF-8 text"
        raise ConfigError(f"notes {path}: {reason}") from e
