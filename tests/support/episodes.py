"""Whole stories of a device's updates, recorded operation by operation, to be cut anywhere."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ota_client.formats.version import Version
from ota_client.rollback import TrustFloor
from ota_client.testing import SimulatedDevice, SimulatedStorage
from ota_client.testing.file_system import packed
from support.boot_loaders.models import MODELS
from support.memory_repository import REGION_BYTES, MemoryRepository, Release
from support.simulated import FACTORY_IMAGE, SLOT_BYTES, make_config

FACTORY = "1.0.0"
# the image of this name is a tar file, unpacked into a file system
FILES = "files"
FILE_SYSTEM = f'\n[file_systems.{FILES}]\nmake = ["mkfs", "{{path}}"]\nmount = "ext4"\n'


@dataclass(frozen=True)
class Moment:
    """What held after ``done`` operations, when a step of the story was complete."""

    done: int
    booted: str
    running: str
    stored_index: int
    floor: TrustFloor
    served: Mapping[str, bytes]
    cache: Mapping[str, bytes]


class Episode:
    """A device, its repository, and every moment of their story.

    Args:
        folder: for TUF's cache.
        images: of each release, such as ``("rootfs",)``.
        model: the boot loader, a key of ``MODELS``.

    Attributes:
        contents, indexes: of each release, its images and its rollback index.
        failing: releases that may not come up; no other is ever remembered as bad.
    """

    def __init__(self, folder: Path, images: tuple[str, ...], model: str = "file") -> None:
        self.images = images
        self.repository = MemoryRepository()
        self.model = MODELS[model]
        config = make_config(
            folder,
            self.repository.pinned_root,
            images=images,
            boot=self.model.boot,
            network=FILE_SYSTEM if FILES in images else "",
        )
        self.config = self.model.adapt(config)
        self.boot_loader = self.model.loader(self.config)
        files = SimulatedDevice.factory_files(
            self.config, image=FACTORY_IMAGE, slot_bytes=SLOT_BYTES, boot_loader=self.boot_loader
        )
        self.device = self.start(files)
        self.contents = {FACTORY: dict.fromkeys(images, FACTORY_IMAGE)}
        self.indexes = {FACTORY: 1}
        self.failing: set[str] = set()
        self.moments: list[Moment] = []
        self.note()

    @property
    def storage(self) -> SimulatedStorage:
        return self.device.storage

    def start(self, files: Mapping[str, bytes]) -> SimulatedDevice:
        """This story's device over another medium; not booted yet."""
        return self.start_on(SimulatedStorage(files))

    def start_on(self, storage: SimulatedStorage) -> SimulatedDevice:
        repository = self.repository
        return SimulatedDevice(
            self.config,
            storage,
            fetcher=repository,
            clock=lambda: repository.now,
            boot_loader=self.boot_loader,
        )

    def moment_at(self, done: int) -> Moment:
        """The last complete step before a cut."""
        return next(moment for moment in reversed(self.moments) if moment.done <= done)

    # steps

    def release(self, version: str, rollback_index: int, *, channel: str | None = "stable") -> None:
        contents = {image: firmware(version, image) for image in self.images}
        release = Release(version, rollback_index, images=tuple(contents.items()), tars=(FILES,))
        self.repository.put(release, channel=channel)
        self.contents[version] = contents
        self.indexes[version] = rollback_index
        self.note()

    def install(self, version: str | None = None) -> None:
        assert self.device.client.install(Version.parse(version) if version else None).installed
        self.note()

    def boot(self) -> None:
        self.device.boot()
        self.note()

    def fail_boot(self) -> None:
        self.device.fail_boot()
        self.note()

    def mark_good(self) -> None:
        self.device.client.mark_good()
        self.note()

    def note(self) -> Moment:
        device, status = self.device, self.device.client.status()
        self.moments.append(
            Moment(
                len(self.storage.operations),
                device.booted,
                str(status.running),
                device.counter.read(),
                device.state.load().trust_floor,
                dict(self.repository.files),
                read_cache(self.config.state_dir / "tuf"),
            )
        )
        return self.moments[-1]


@cache
def firmware(version: str, image: str) -> bytes:
    """An image: packed, stored and empty regions, of a length that differs by version."""
    seed = random.Random(f"{version}/{image}")
    if image == FILES:
        return packed({"app/program": seed.randbytes(9000), "app.conf": seed.randbytes(20)})
    regions = [seed.randbytes(REGION_BYTES), b"text" * (REGION_BYTES // 4), bytes(REGION_BYTES)]
    count = seed.randrange(4, 8)
    return b"".join(seed.choice(regions) for _ in range(count)) + seed.randbytes(1000)


def read_cache(folder: Path) -> dict[str, bytes]:
    """TUF's cache: the files by their names."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def two_updates(episode: Episode) -> None:
    """Each raises the rollback index, and so retires the slot that ran before."""
    for version, rollback_index in (("1.1.0", 2), ("1.2.0", 3)):
        episode.release(version, rollback_index)
        episode.install()
        episode.boot()
        episode.mark_good()


def replaced_before_its_boot(episode: Episode) -> None:
    """A release that waits for its boot is overwritten, then a confirmed slot is."""
    episode.release("1.1.0", 1)
    episode.install()
    episode.release("1.2.0", 1)
    episode.install()
    episode.boot()
    episode.mark_good()
    episode.release("1.3.0", 1)
    episode.install()
    episode.boot()
    episode.mark_good()


def fallback(episode: Episode) -> None:
    """The first release never comes up; the one after it does."""
    episode.release("1.1.0", 2, channel=None)
    episode.release("1.2.0", 2)
    episode.failing.add("1.1.0")
    episode.install("1.1.0")
    episode.fail_boot()
    episode.install()
    episode.boot()
    episode.mark_good()


def whole_cycle(episode: Episode) -> None:
    """Install, boot, trial, mark good, raise the index; a second update; a fallback; and on."""
    episode.release("1.1.0", 2)
    episode.install()
    episode.boot()
    episode.mark_good()
    episode.release("1.2.0", 2)
    episode.install()
    episode.boot()
    episode.mark_good()
    episode.release("1.3.0", 3, channel=None)
    episode.release("1.4.0", 3)
    episode.failing.add("1.3.0")
    episode.install("1.3.0")
    episode.fail_boot()
    episode.install()
    episode.boot()
    episode.mark_good()


STORIES: dict[str, tuple[Callable[[Episode], None], tuple[str, ...]]] = {
    "two updates": (two_updates, ("rootfs",)),
    "two images": (two_updates, ("kernel", "rootfs")),
    "three images": (two_updates, ("app", "boot", "rootfs")),
    "three images, replaced": (replaced_before_its_boot, ("app", "boot", "rootfs")),
    "a file system": (two_updates, ("files", "rootfs")),
    "replaced before its boot": (replaced_before_its_boot, ("rootfs",)),
    "fallback": (fallback, ("rootfs",)),
    "whole cycle": (whole_cycle, ("rootfs",)),
}


def record(story: str, folder: Path, model: str = "file") -> Episode:
    """Play a story to its end."""
    play, images = STORIES[story]
    episode = Episode(folder, images, model)
    play(episode)
    return episode
