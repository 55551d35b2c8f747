"""Slots and their transitions: write, read back, activate. The slot is swapped here.

This is the only file that drives a boot control, and it writes nothing but a ``VerifiedRelease``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ota_client.bootcontrol import BootControl, BootStatus
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError, ReadBackError, StorageError
from ota_client.images.raw import Advance, OpenFrames, digest_of, write_raw
from ota_client.manifest import Image, ImageFormat
from ota_client.payload import Index
from ota_client.release import VerifiedRelease

if TYPE_CHECKING:
    # a device without tar images loads nothing for them
    from ota_client.images.tree import TreeImages


class Slots:
    """The device's slots: two or more groups of the same images, of which one is running.

    Args:
        storage: the disk.
        boot_control: the boot loader's side.
        paths: by slot (``A``), by image (``rootfs``), the file or block device.
        trees: by image, for those that are unpacked into a file system.
    """

    def __init__(
        self,
        storage: Storage,
        boot_control: BootControl,
        paths: Mapping[str, Mapping[str, str]],
        trees: "Mapping[str, TreeImages]" = MappingProxyType({}),
    ) -> None:
        self._storage = storage
        self._boot_control = boot_control
        self._paths = paths
        self._trees = trees

    def paths(self, slot: str) -> Mapping[str, str]:
        """By image, the file or block device."""
        return self._paths[slot]

    def formats(self) -> dict[str, ImageFormat]:
        """By image, what its bytes must be."""
        images = next(iter(self._paths.values()))
        return {name: ImageFormat.TAR if name in self._trees else ImageFormat.RAW for name in images}

    def status(self) -> BootStatus:
        """The boot loader's view; all of this device's slots are in it.

        Raises:
            BootControlError: the boot loader knows other slots than the configuration.
        """
        status = self._boot_control.status()
        if status.booted not in self._paths or set(status.slots) != set(self._paths):
            raise BootControlError(
                f"expected the configured slots {', '.join(sorted(self._paths))}, got one that "
                f"runs {status.booted} and knows {', '.join(sorted(status.slots))}"
            )
        return status

    def settle(self) -> None:
        """Do what the boot loader leaves to user space; under the device's lock, at each start."""
        self._boot_control.settle()

    def inactive(self) -> str:
        """The slot to write next: the first that is not running."""
        booted = self.status().booted
        return next(slot for slot in sorted(self._paths) if slot != booted)

    def sizes(self, slot: str) -> dict[str, int]:
        """By image, how many bytes the slot holds."""
        sizes = {}
        for image, path in self._paths[slot].items():
            with self._storage.open(path, writable=False) as file:
                sizes[image] = file.size_bytes
        return sizes

    def set_unbootable(self, slot: str) -> None:
        """Never start ``slot`` until it is activated again.

        Raises:
            BootControlError: no other slot is confirmed; one on trial may fail, and then none is left.
        """
        slots = self.status().slots
        if not any(boot.good and boot.bootable for name, boot in slots.items() if name != slot):
            raise BootControlError(
                f"expected another confirmed slot before {slot} is given up, got none; the device might "
                "not start again"
            )
        self._boot_control.set_unbootable(slot)

    def check_arguments(self, slot: str, arguments: str) -> None:
        """Refuse kernel arguments that the boot loader cannot pass.

        Raises:
            BootControlError: it cannot.
        """
        self._boot_control.check_arguments(slot, arguments)

    def activate(self, slot: str, arguments: str = "") -> None:
        """Start ``slot`` on trial at the next boot, with these kernel arguments: one atomic write."""
        self._boot_control.activate(slot, arguments)

    def mark_good(self) -> None:
        """Confirm the running slot."""
        self._boot_control.mark_good(self.status().booted)

    def write(
        self,
        release: VerifiedRelease,
        image: Image,
        index: Index,
        *,
        slot: str,
        open_frames: OpenFrames,
        resume: bool,
        advance: Advance,
    ) -> None:
        """Write one image of a release and make it durable.

        Every byte is checked before it is written. Memory is bounded by a frame and a region.

        Args:
            release: where the image comes from.
            image: which of its images.
            index: the image's signed index.
            slot: the slot, set unbootable before.
            open_frames: reads the payload's data.
            resume: skip what is already right, after an attempt that was cut short; a file system is
                made anew.
            advance: told of each region's bytes.

        Raises:
            FetchError: the network failed; a second attempt resumes.
            PayloadError: the data is not what was signed.
            StorageError: the disk failed.
        """
        if image not in release.manifest.images:
            raise StorageError(
                f"expected an image of release {release.manifest.version}, got another one"
            )
        path = self._paths[slot][image.slot]
        if image.format is ImageFormat.TAR:
            self._trees[image.slot].write(path, index, open_frames, advance)
            return
        with self._storage.open(path, writable=True) as file:
            write_raw(file, index, open_frames, advance, resume=resume)

    def read_back(self, image: Image, *, slot: str, advance: Advance) -> None:
        """Read an image from the medium and hash it (C05, D07).

        Raises:
            ReadBackError: the slot does not hold the image.
            StorageError: the disk failed.
        """
        path = self._paths[slot][image.slot]
        if image.format is ImageFormat.TAR:
            self._trees[image.slot].read_back(path, image.size_bytes, advance)
            return
        with self._storage.open(path, writable=False) as file:
            found = digest_of(file, image.size_bytes, advance)
        if found != image.sha256:
            raise ReadBackError(
                f"slot {slot}, image {image.slot}: expected sha256 {image.sha256}, read back "
                f"{found}; the medium may be worn out"
            )
