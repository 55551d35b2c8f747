"""Channels: which release a device that follows one is offered."""

import hashlib
from datetime import datetime

from tuf.api.metadata import TargetFile, Targets

from ota_client.errors import ConfigError
from ota_client.formats.strict import NAME_RULE, is_name
from ota_client.formats.version import Version
from signing import release_rules
from signing.errors import NothingToDoError
from signing.product import delegation
from signing.repository import Repository
from signing.storage.catalog import read_catalog
from signing.storage.files import write_over


def set_channel(
    repository: Repository, product: str, channel: str, version: Version, *, now: datetime
) -> None:
    """Stage another release on a channel.

    Raises:
        ConfigError: there is no such product or release, or ``channel`` is no name.
        NothingToDoError: the channel offers this release already.
        ChannelBackwardsError: its devices would refuse the release as a downgrade.
    """
    check_channel_name(channel)
    with repository.lock():
        delegation(repository, product)
        with repository.edit(product, Targets, now) as targets:
            catalog = read_catalog(product, targets)
            release = catalog.find(version)
            if catalog.channels.get(channel) == version:
                raise NothingToDoError(f"channel {channel} offers {product} {version} already")
            if channel in catalog.channels:
                offered = catalog.find(catalog.channels[channel])
                release_rules.check_channel_move(channel, offered, version, release.rollback_index)
            path = f"{product}/{version}/{release.sha256}.manifest.json"
            manifest = repository.read_target(path, release.sha256)
            point_channel(repository, targets, product, channel, manifest)


def check_channel_name(channel: str) -> None:
    """Refuse what is no channel name (A27).

    Raises:
        ConfigError: it breaks the rule for names, or is ``manifest``, which names another file.
    """
    if not is_name(channel) or channel == "manifest":
        raise ConfigError(f"channel: expected {NAME_RULE}, and not 'manifest', got {channel[:80]!r}")


def point_channel(
    repository: Repository, targets: Targets, product: str, channel: str, manifest: bytes
) -> None:
    """Make a channel's file, which is the manifest of the release that it offers."""
    sha256 = hashlib.sha256(manifest).hexdigest()
    folder = repository.staged_dir / "targets" / product / "channels"
    folder.mkdir(parents=True, exist_ok=True)
    write_over(folder / f"{sha256}.{channel}.json", manifest)
    path = f"{product}/channels/{channel}.json"
    targets.targets[path] = TargetFile(len(manifest), {"sha256": sha256}, path)
