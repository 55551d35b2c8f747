"""Whether a genuine release is for this device now: product, hardware, slots, stepping stone, trial."""

from collections.abc import Iterable, Mapping

from ota_client.errors import (
    HardwareMismatchError,
    KnownBadReleaseError,
    SlotMismatchError,
    SteppingStoneError,
    UnconfirmedTrialError,
)
from ota_client.formats.version import Version
from ota_client.manifest import ImageFormat, ReleaseManifest
from ota_client.release import VerifiedRelease
from ota_client.state import BadRelease


def check_hardware(manifest: ReleaseManifest, *, product: str, hardware_id: str) -> None:
    """Refuse another product's or another board's release (A18).

    Raises:
        HardwareMismatchError: the product or the hardware id does not match exactly.
    """
    if manifest.product != product:
        raise HardwareMismatchError(f"expected product {product}, got {manifest.product}")
    if hardware_id not in manifest.hardware_ids:
        raise HardwareMismatchError(
            f"expected a release for hardware {hardware_id}, got one for "
            f"{', '.join(manifest.hardware_ids)}"
        )


def check_stepping_stone(manifest: ReleaseManifest, *, booted: Version) -> None:
    """Refuse a release that needs another one before it.

    Raises:
        SteppingStoneError: the running version is below ``min_version``.
    """
    if manifest.min_version is not None and booted < manifest.min_version:
        raise SteppingStoneError(
            f"release {manifest.version}: expected version {manifest.min_version} or newer to run, got "
            f"{booted}; install {manifest.min_version} first"
        )


def check_slots(manifest: ReleaseManifest, sizes: Mapping[str, int]) -> None:
    """Refuse a release whose images are not exactly this device's, or do not fit (A17, C03, C08).

    Args:
        manifest: the release.
        sizes: by image, how many bytes the slot to be written holds.

    Raises:
        SlotMismatchError: an image is missing, unknown or too large.
    """
    images = {image.slot: image.size_bytes for image in manifest.images}
    if set(images) != set(sizes):
        raise SlotMismatchError(
            f"release {manifest.version}: expected images for {', '.join(sorted(sizes))}, got "
            f"{', '.join(sorted(images))}"
        )
    for name, size_bytes in images.items():
        if size_bytes > sizes[name]:
            raise SlotMismatchError(
                f"release {manifest.version}, image {name}: expected at most {sizes[name]} bytes, got "
                f"{size_bytes}"
            )


def check_formats(manifest: ReleaseManifest, formats: Mapping[str, ImageFormat]) -> None:
    """Refuse a tar image where raw bytes belong, and the other way round (C03).

    Args:
        manifest: the release.
        formats: by image, what the device is set up for.

    Raises:
        SlotMismatchError: an image is of the other format.
    """
    for image in manifest.images:
        expected = formats.get(image.slot, image.format)
        if image.format is not expected:
            raise SlotMismatchError(
                f"release {manifest.version}, image {image.slot}: expected a {expected.value} image, "
                f"got a {image.format.value} image; [file_systems] in the settings names the tar ones"
            )


def check_confirmed(*, booted: str, good: bool) -> None:
    """Refuse to overwrite the last good slot while the running one is on trial (D05).

    Raises:
        UnconfirmedTrialError: the running slot was not marked good.
    """
    if not good:
        raise UnconfirmedTrialError(
            f"expected a confirmed slot to run, got slot {booted} on trial; mark it good or bad first"
        )


def check_not_known_bad(release: VerifiedRelease, bad_releases: Iterable[BadRelease]) -> None:
    """Refuse a release that this device fell back from before (D12).

    Raises:
        KnownBadReleaseError: it did.
    """
    if release.sha256 in {bad.sha256 for bad in bad_releases}:
        raise KnownBadReleaseError(
            f"expected a release that has not failed here, got {release.manifest.version}, from which "
            "this device fell back; publish a mended release under a higher version"
        )
