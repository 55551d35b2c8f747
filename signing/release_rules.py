"""What a new release and a channel's move must keep to, so that devices never refuse them."""

from ota_client.formats.version import Version
from ota_client.rollback import STEP_CAP
from signing.errors import (
    ChannelBackwardsError,
    ReleaseExistsError,
    RollbackOrderError,
    RollbackStepError,
    RuleError,
)
from signing.storage.catalog import Catalog, ListedRelease


def check_new_release(catalog: Catalog, version: Version, index: int) -> None:
    """Refuse a version that was there before, and a rollback index out of order.

    Raises:
        ReleaseExistsError: same version, other content (A31).
        RollbackOrderError: an older release has a higher index, or a newer one a lower index.
        RollbackStepError: the index is more than ``STEP_CAP`` above all others (A14).
    """
    known = (*catalog.releases, *catalog.retired)
    if any(release.version == version for release in known):
        raise ReleaseExistsError(
            f"release {catalog.product} {version}: expected a new version, got one that exists or was "
            "retired; a version never changes its content"
        )
    for release in known:
        _check_order(release, version, index)
    highest = max((release.rollback_index for release in known), default=0)
    if index > highest + STEP_CAP:
        raise RollbackStepError(
            f"rollback index: expected {highest + STEP_CAP} at most (the highest so far is {highest}, "
            f"the step cap {STEP_CAP}), got {index}; devices would refuse it"
        )


def _check_order(release: ListedRelease, version: Version, index: int) -> None:
    if release.version < version and release.rollback_index > index:
        raise RollbackOrderError(
            f"rollback index: expected {release.rollback_index} or higher, as the older release "
            f"{release.version} has it, got {index}"
        )
    if release.version > version and release.rollback_index < index:
        raise RollbackOrderError(
            f"rollback index: expected {release.rollback_index} or lower, as the newer release "
            f"{release.version} has it, got {index}"
        )


def check_channel_move(channel: str, offered: ListedRelease, version: Version, index: int) -> None:
    """Refuse to move a channel to a release that its devices refuse as a downgrade.

    Raises:
        ChannelBackwardsError: its version or its rollback index is lower.
        RollbackStepError: its rollback index is more than ``STEP_CAP`` higher (A14).
    """
    if version < offered.version or index < offered.rollback_index:
        raise ChannelBackwardsError(
            f"channel {channel}: expected a release from {offered.version} (rollback index "
            f"{offered.rollback_index}) up, got {version} (rollback index {index}); devices never go "
            "back: release the old content under a higher version"
        )
    if index > offered.rollback_index + STEP_CAP:
        raise RollbackStepError(
            f"channel {channel}: expected a rollback index of {offered.rollback_index + STEP_CAP} at "
            f"most (the step cap is {STEP_CAP}), got {index}; devices need a release in between"
        )


def check_unused(catalog: Catalog, version: Version) -> None:
    """Refuse to retire a release that a channel still offers."""
    for channel, offered in catalog.channels.items():
        if offered == version:
            raise RuleError(
                f"release {catalog.product} {version}: expected one that no channel offers, got the one "
                f"on {channel}; move it first: `channel set {catalog.product} {channel} VERSION`"
            )
