"""The slots: there, of one size, in their place, and not in use."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, groupby
from pathlib import Path
from typing import Final

from ota_client.disk.storage import DiskStorage
from ota_client.doctor.block_devices import BlockDevice, block_device_at, numbers_below
from ota_client.doctor.finding import Code, Finding, error, note, warning
from ota_client.doctor.mounts import Mount, mount_of, read_mounts
from ota_client.doctor.system import Setup
from ota_client.errors import OtaError

_BLOCK_BYTES: Final = 4096
_ALIGNMENT_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """One image's place in one slot."""

    slot: str
    image: str
    path: str
    size_bytes: int
    device: BlockDevice | None

    def __str__(self) -> str:
        return f"slot {self.slot}, {self.image} ({self.path})"


def examine_slots(setup: Setup) -> Iterator[Finding]:
    """Find what is wrong with the slots."""
    places: list[Place] = []
    for slot, images in setup.config.slots.items():
        for image, path in images.items():
            found = _place(setup, slot, image, path)
            if isinstance(found, Place):
                places.append(found)
                yield from _alone(found)
            else:
                yield found
    yield from _together(places)
    yield from _in_use(setup, places)


def slot_of_number(setup: Setup) -> dict[str, str]:
    """By block device number, the slot it belongs to."""
    found = {}
    for slot, images in setup.config.slots.items():
        for path in images.values():
            device = block_device_at(setup.system, path)
            if device is not None:
                found[device.number] = slot
    return found


def _place(setup: Setup, slot: str, image: str, path: str) -> Place | Finding:
    named = f"slot {slot}, {image}"
    try:
        status = Path(path).stat()
    except OSError as e:
        way_out = "mend [slots] or the partition table"
        return error(Code.SLOT_MISSING, f"{named}: expected {path}, got: {e.strerror}", way_out)
    device = block_device_at(setup.system, path)
    if device is not None:
        return Place(slot, image, path, device.size_bytes, device)
    if not stat.S_ISREG(status.st_mode):
        what = f"{named}: expected a block device or a plain file, got something else at {path}"
        return error(Code.SLOT_KIND, what, "name the partition itself in [slots]")
    return Place(slot, image, path, status.st_size, None)


def _alone(place: Place) -> Iterator[Finding]:
    if place.device is None:
        what = f"{place} is a file; a boot loader starts partitions"
        yield note(Code.SLOT_IS_FILE, what, "well in a simulation; on a device, name a partition")
    elif place.device.start_bytes % _ALIGNMENT_BYTES:
        what = f"{place} begins at byte {place.device.start_bytes}, no multiple of 1 MiB"
        way_out = "align the partitions: each write at a border wears two blocks of the flash"
        yield warning(Code.SLOT_MISALIGNED, what, way_out)
    if place.size_bytes % _BLOCK_BYTES:
        what = f"{place} has {place.size_bytes} bytes, no multiple of {_BLOCK_BYTES}"
        yield warning(Code.SLOT_SIZE_ODD, what, "make the partition a multiple of 4096 bytes")


def _together(places: list[Place]) -> Iterator[Finding]:
    by_image = sorted(places, key=lambda place: place.image)
    for image, group in groupby(by_image, key=lambda place: place.image):
        sizes = {place.slot: place.size_bytes for place in group}
        if len(set(sizes.values())) > 1:
            what = f"{image} differs in size: {', '.join(f'{s} {n} bytes' for s, n in sizes.items())}"
            way_out = "make them equal: a release that fits into one must fit into the other"
            yield error(Code.SLOT_SIZES_DIFFER, what, way_out)
    for one, other in combinations(places, 2):
        if _overlap(one, other):
            what = f"{one} and {other} overlap: writing one destroys the other"
            yield error(Code.SLOTS_OVERLAP, what, "mend [slots] or the partition table")


def _overlap(one: Place, other: Place) -> bool:
    first, second = one.device, other.device
    if first is None or second is None:
        return first is second and Path(one.path).samefile(other.path)
    same_disk = first.disk == second.disk
    return same_disk and first.start_bytes < second.end_bytes and second.start_bytes < first.end_bytes


def _in_use(setup: Setup, places: list[Place]) -> Iterator[Finding]:
    mounts = read_mounts(setup.system.proc)
    try:
        running = setup.config.boot.running(DiskStorage())
    except OtaError:
        running = ""  # told by the boot loader's own subject
    slots = slot_of_number(setup)
    for slot in setup.config.slots:
        numbers = {number for number in slots if slots[number] == slot}
        yield from _mounted(
            slot, [m for m in mounts if numbers & numbers_below(setup.system, m.device)], running=running
        )
    root = mount_of(Path("/"), mounts)
    if root is None or not running or not any(place.device for place in places):
        return
    below = {slots.get(number) for number in numbers_below(setup.system, root.device)}
    if running not in below and not root.device.startswith("0:"):
        what = f"slot {running} is said to run, but / is mounted from {root.device}, no part of it"
        way_out = (
            "mend [slots], or what tells the running slot; an update would overwrite the running one"
        )
        yield error(Code.RUNNING_SLOT_ELSEWHERE, what, way_out)


def _mounted(slot: str, mounts: list[Mount], *, running: str) -> Iterator[Finding]:
    points = ", ".join(dict.fromkeys(str(mount.point) for mount in mounts))
    if mounts and slot != running:
        what = f"slot {slot} does not run and is mounted at {points}; updates write it underneath"
        yield error(Code.SLOT_MOUNTED, what, "unmount it, and take it out of fstab")
    elif any(mount.writable for mount in mounts):
        what = f"the running slot {slot} is mounted for writing ({points})"
        way_out = "mount it read-only (ro): what runs is then what was signed"
        yield warning(Code.RUNNING_SLOT_WRITABLE, what, way_out)
