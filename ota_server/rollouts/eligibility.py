"""Whether a release can be given to a device. Pure; the device decides again for itself (B01)."""

from dataclasses import dataclass
from enum import StrEnum

from ota_client.errors import (
    DowngradeError,
    HardwareMismatchError,
    RollbackIndexError,
    RollbackIndexJumpError,
    SteppingStoneError,
)
from ota_client.formats.version import Version
from ota_client.rollback import STEP_CAP
from ota_server.rollouts.plan import ReleaseFacts, RolloutPlan


class Standing(StrEnum):
    """How a device stands to a rollout; the refusals have the codes that the device would report."""

    OFFER = "offer"
    OFFER_STONE = "offer-stone"
    RUNS_IT = "runs-it"
    REVOKED = "revoked"
    HARDWARE = HardwareMismatchError.code
    DOWNGRADE = DowngradeError.code
    ROLLBACK_INDEX = RollbackIndexError.code
    ROLLBACK_INDEX_JUMP = RollbackIndexJumpError.code
    STEPPING_STONE = SteppingStoneError.code

    @property
    def is_member(self) -> bool:
        """Whether the device takes part."""
        return self in {Standing.OFFER, Standing.OFFER_STONE, Standing.RUNS_IT}


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What counts of a device.

    Attributes:
        running: None before its first check-in, as ``rollback_index``.
    """

    active: bool
    hardware_id: str
    running: Version | None
    rollback_index: int | None


def standing(plan: RolloutPlan, device: DeviceFacts) -> Standing:
    """How the device stands; one that was never heard of is given the benefit of the doubt."""
    release = plan.release
    if release is None:
        raise ValueError("a rollout's plan has the facts of its release")
    if not device.active:
        return Standing.REVOKED
    if device.hardware_id not in release.hardware_ids:
        return Standing.HARDWARE
    if device.running is None:
        return Standing.OFFER
    if device.running == release.version:
        return Standing.RUNS_IT
    refusal = _refusal(release, device, device.running)
    if refusal is Standing.STEPPING_STONE and _takes_stone(plan.stone, device, device.running):
        return Standing.OFFER_STONE
    return refusal or Standing.OFFER


def _takes_stone(stone: ReleaseFacts | None, device: DeviceFacts, running: Version) -> bool:
    if stone is None or device.hardware_id not in stone.hardware_ids or running == stone.version:
        return False
    return _refusal(stone, device, running) is None


def _refusal(release: ReleaseFacts, device: DeviceFacts, running: Version) -> Standing | None:
    """Why the device would refuse the release."""
    index = device.rollback_index or 0
    if release.version < running:
        return Standing.DOWNGRADE
    if release.rollback_index < index:
        return Standing.ROLLBACK_INDEX
    if release.min_version is not None and running < release.min_version:
        return Standing.STEPPING_STONE
    if release.rollback_index > index + STEP_CAP:
        return Standing.ROLLBACK_INDEX_JUMP
    return None
