"""What is too old: the trust floor, the version, the rollback index. A downgrade is refused here."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ota_client.errors import (
    DowngradeError,
    MetadataRollbackError,
    RollbackIndexError,
    RollbackIndexJumpError,
)
from ota_client.formats.strict import INTEGER_MAX
from ota_client.formats.version import Version
from ota_client.manifest import ReleaseManifest

# A slip of the pen or a stolen key must not lock the fleet out of all later releases (A14).
STEP_CAP: Final = 1000
# What the memory takes of one role; metadata beyond it is refused before it is remembered (A13).
ROLE_VERSION_MOST: Final = INTEGER_MAX
ROLE_KEYS_MOST: Final = 64
KEY_ID_LONGEST: Final = 512


@dataclass(frozen=True, slots=True)
class RoleFloor:
    """The newest version of one role that this device has trusted, and under which keys.

    A key that is taken away starts a new count: after a stolen online key has signed version 2**31,
    the offline root replaces the key, and devices come back (A13; TUF 5.3.11, fast-forward recovery).
    """

    version: int
    key_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrustFloor:
    """The oldest metadata that this device still accepts.

    It is kept outside TUF's own cache and outside the slots, so that wiping or swapping those does
    not take the device back (A07).

    Attributes:
        roles: by role name; ``root`` never starts a new count.
        signed_at: the newest signed time seen, UTC. A device without a clock learns the time from it
            (A09); it rises only from signed data (A11).
    """

    roles: dict[str, RoleFloor] = field(default_factory=dict)
    signed_at: datetime | None = None

    def raised_to(self, seen: "TrustFloor") -> "TrustFloor":
        """The floor after trusting ``seen``.

        Raises:
            MetadataRollbackError: ``seen`` is older than this floor in any role or in time.
        """
        online_renewed = self._renewed("timestamp", seen) or self._renewed("snapshot", seen)
        for role, now in seen.roles.items():
            online = role in {"timestamp", "snapshot"}
            renewed = online_renewed if online else self._renewed(role, seen)
            before = self.roles.get(role)
            if before is None or (renewed and role != "root"):
                continue
            if now.version < before.version:
                raise MetadataRollbackError(
                    f"metadata of role {role}: expected version {before.version} or newer, got "
                    f"{now.version}; an old repository is being replayed"
                )
        if (
            self.signed_at is not None
            and seen.signed_at is not None
            and seen.signed_at < self.signed_at
            and not online_renewed
        ):
            raise MetadataRollbackError(
                f"timestamp: expected it signed at {self.signed_at.isoformat()} or later, got "
                f"{seen.signed_at.isoformat()}; an old repository is being replayed"
            )
        return TrustFloor({**self.roles, **seen.roles}, seen.signed_at or self.signed_at)

    def _renewed(self, role: str, seen: "TrustFloor") -> bool:
        before, now = self.roles.get(role), seen.roles.get(role)
        # a key that was only added vouches for nothing: what the old ones signed would count again
        return before is not None and now is not None and not set(before.key_ids) <= set(now.key_ids)


def check_not_older(manifest: ReleaseManifest, *, booted: Version, stored_index: int) -> None:
    """Refuse a release that would take the device back. No flag turns this off.

    Raises:
        DowngradeError: its version is below the booted one.
        RollbackIndexError: its rollback index is below the stored one.
        RollbackIndexJumpError: its rollback index is more than ``STEP_CAP`` above the stored one.
    """
    if manifest.version < booted:
        raise DowngradeError(
            f"expected version {booted} or newer, got {manifest.version}; to go back, release the old "
            "content under a higher version"
        )
    check_rollback_index(manifest.rollback_index, stored_index=stored_index)


def check_rollback_index(index: int, *, stored_index: int) -> None:
    """Refuse a rollback index that is below the stored one, or absurdly far above it.

    Raises:
        RollbackIndexError: below.
        RollbackIndexJumpError: above by more than ``STEP_CAP``.
    """
    if index < stored_index:
        raise RollbackIndexError(f"expected rollback index {stored_index} or higher, got {index}")
    if index > stored_index + STEP_CAP:
        raise RollbackIndexJumpError(
            f"expected rollback index {stored_index + STEP_CAP} at most (the step cap is {STEP_CAP}), "
            f"got {index}"
        )
