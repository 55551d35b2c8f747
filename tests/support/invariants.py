"""What must hold on any medium that a power cut leaves behind (D01 to D03, D06)."""

import shutil
from collections.abc import Mapping
from enum import Enum

from ota_client.formats.version import Version
from ota_client.recovery import Phase
from ota_client.testing import SimulatedDevice
from support.episodes import FACTORY, Episode, Moment
from support.memory_repository import REGION_BYTES
from support.simulated import SLOT_BYTES


class Cache(Enum):
    """What becomes of TUF's cache: it is no part of the device's port to the disk."""

    KEPT = "kept"
    WIPED = "wiped"
    EMPTIED = "emptied"


def release_in(episode: Episode, files: Mapping[str, bytes], slot: str) -> str | None:
    """The version whose images a slot holds, all of them and nothing else; None if there is none."""
    paths = episode.config.slots[slot]
    for version, contents in episode.contents.items():
        if all(files[paths[i]] == data.ljust(SLOT_BYTES, b"\0") for i, data in contents.items()):
            return version
    return None


def restart(episode: Episode, moment: Moment, files: Mapping[str, bytes]) -> SimulatedDevice:
    """Check a medium that a cut after ``moment`` left, and start the device on it."""
    device = episode.start(files)
    check_floors(episode, moment, device)
    flags = device.boot_control.status().slots
    holds = {slot: release_in(episode, files, slot) for slot in flags}
    assert holds[moment.booted] == moment.running, "the slot that ran was touched"
    for slot in flags:
        assert holds[slot] is not None or not flags[slot].bootable, f"{slot} would start half an image"
    assert any(f.good and f.bootable for f in flags.values()), (
        "no confirmed slot is left to fall back to"
    )
    confirmed = [episode.indexes[holds[slot]] for slot in flags if flags[slot].good]
    assert device.counter.read() <= max(confirmed), "the stored index rose before mark good (D06)"
    booted = device.boot()
    status = device.client.status()
    running = str(status.running)
    assert running == holds[booted], "the device is wrong about what it runs"
    assert {str(bad.version) for bad in status.bad_releases} <= episode.failing, "a false alarm"
    assert episode.indexes[running] >= moment.stored_index, "a retired release runs again"
    return device


def what_it_sees(episode: Episode, device: SimulatedDevice) -> tuple[object, ...]:
    """Everything on a medium that the device's next steps depend on: damaged pieces are alike."""
    known = {
        piece for images in episode.contents.values() for i in images.values() for piece in _pieces(i)
    }
    slots = [
        tuple(piece if piece in known else None for piece in _pieces(data))
        for path, data in sorted(device.storage.files().items())
        if "/slots/" in path
    ]
    flags = sorted((slot, repr(flags)) for slot, flags in device.boot_control.status().slots.items())
    return (*flags, device.state.load().to_bytes(), device.counter.read(), *slots)


def check_floors(episode: Episode, moment: Moment, device: SimulatedDevice) -> None:
    """Neither the stored index nor the trust floor is below what it was."""
    assert device.counter.read() >= moment.stored_index, "the stored index fell"
    moment.floor.raised_to(device.state.load().trust_floor)


def complete(episode: Episode, moment: Moment, device: SimulatedDevice, cache: Cache) -> None:
    """Go on as a device does: confirm what runs, install what was on offer, boot it, confirm it."""
    put_cache(episode, moment, cache)
    episode.repository.files = dict(moment.served)
    newest = newest_on_offer(episode)
    for _ in range(2):
        if str(device.client.mark_good().running) != newest:
            assert device.client.install().installed
            device.boot()
    check_complete(episode, device, newest)


def newest_on_offer(episode: Episode) -> str:
    """The version that the repository has come to."""
    served = episode.repository.files
    published = [v for v in episode.contents if v == FACTORY or any(f"/{v}/" in path for path in served)]
    return max(published, key=Version.parse)


def check_complete(episode: Episode, device: SimulatedDevice, newest: str) -> None:
    """The newest release runs, confirmed; what is below its rollback index never will again."""
    status, files = device.client.mark_good(), device.storage.files()
    flags = device.boot_control.status().slots
    holds = {slot: release_in(episode, files, slot) for slot in flags}
    running, stored_index = device.booted, status.stored_rollback_index
    assert (status.phase, str(status.running), holds[running]) == (Phase.IDLE, newest, newest)
    assert stored_index == episode.indexes[newest]
    assert all(episode.indexes[holds[slot]] >= stored_index for slot in flags if flags[slot].bootable)
    assert device.boot() == running


def put_cache(episode: Episode, moment: Moment, cache: Cache) -> None:
    folder = episode.config.state_dir / "tuf"
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in moment.cache.items() if cache is not Cache.WIPED else ():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if cache is Cache.KEPT else b"")


def _pieces(data: bytes) -> list[bytes]:
    return [data[start : start + REGION_BYTES] for start in range(0, SLOT_BYTES, REGION_BYTES)]
