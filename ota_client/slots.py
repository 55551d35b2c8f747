"""Slots and their transitions: write, read back, activate. The slot is swapped here.

This is the only file that drives a boot control, and it writes nothing but a ``VerifiedRelease``.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Final

from ota_client.bootcontrol import BootControl, BootStatus
from ota_client.disk.storage import Storage, StorageFile
from ota_client.errors import BootControlError, ReadBackError, StorageError
from ota_client.manifest import Image
from ota_client.network.fetcher import Body
from ota_client.payload import Codec, Index, Region, decode_frame, runs
from ota_client.release import VerifiedRelease

_PIECE_BYTES: Final = 1024 * 1024
_ZEROS: Final = bytes(_PIECE_BYTES)

OpenFrames = Callable[[int, int], AbstractContextManager[Body]]
"""Opens the payload's data from one offset up to, not including, another."""

Advance = Callable[[int], None]
"""Told how many more bytes of the image are done."""


class Slots:
    """The device's slots: two or more groups of the same images, of which one is running.

    Args:
        storage: the disk.
        boot_control: the boot loader's side.
        paths: by slot (``A``), by image (``rootfs``), the file or block device.
    """

    def __init__(
        self, storage: Storage, boot_control: BootControl, paths: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._storage = storage
        self._boot_control = boot_control
        self._paths = paths

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

        Each frame is checked before it is decompressed and each region before it is written. Memory
        is bounded by a frame and a region.

        Args:
            release: where the image comes from.
            image: which of its images.
            index: the image's signed index.
            slot: the slot, set unbootable before.
            open_frames: reads the payload's data.
            resume: skip the regions that are already right, after an attempt that was cut short.
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
        with self._storage.open(self._paths[slot][image.slot], writable=True) as file:
            missing = tuple(_missing(file, index, advance)) if resume else index.regions
            for region in missing:
                if region.codec is Codec.ZERO:
                    _clear(file, region.offset, region.size_bytes)
                    advance(region.size_bytes)
            for run in runs(missing):
                _write_run(file, run, open_frames, advance)
            # what an older, longer image left behind must not be taken for part of this one (C07)
            _clear(file, index.image_bytes, file.size_bytes - index.image_bytes)
            file.sync()

    def read_back(self, image: Image, *, slot: str, advance: Advance) -> None:
        """Read an image from the medium and hash it (C05, D07).

        Raises:
            ReadBackError: the slot does not hold the image.
            StorageError: the disk failed.
        """
        digest = hashlib.sha256()
        with self._storage.open(self._paths[slot][image.slot], writable=False) as file:
            for offset, length in _pieces(0, image.size_bytes):
                digest.update(file.read_at(offset, length))
                advance(length)
        if digest.hexdigest() != image.sha256:
            raise ReadBackError(
                f"slot {slot}, image {image.slot}: expected sha256 {image.sha256}, read back "
                f"{digest.hexdigest()}; the medium may be worn out"
            )


def _write_run(
    file: StorageFile, run: tuple[Region, ...], open_frames: OpenFrames, advance: Advance
) -> None:
    with open_frames(run[0].frame_offset, run[-1].frame_end) as body:
        for region in run:
            content = decode_frame(region, body.read(region.frame_bytes))
            file.write_at(region.offset, content)
            advance(region.size_bytes)


def _missing(file: StorageFile, index: Index, advance: Advance) -> Iterator[Region]:
    for region in index.regions:
        content = file.read_at(region.offset, region.size_bytes)
        if hashlib.sha256(content).digest() == region.sha256:
            advance(region.size_bytes)
        else:
            yield region


def _clear(file: StorageFile, start: int, size_bytes: int) -> None:
    # Reading is cheaper than writing, and spares the flash what is zero already.
    for offset, length in _pieces(start, size_bytes):
        zeros = _ZEROS[:length]
        if file.read_at(offset, length) != zeros:
            file.write_at(offset, zeros)


def _pieces(start: int, size_bytes: int) -> Iterator[tuple[int, int]]:
    for offset in range(start, start + size_bytes, _PIECE_BYTES):
        yield offset, min(_PIECE_BYTES, start + size_bytes - offset)
