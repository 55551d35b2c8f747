"""Install a group of three images into files of the disk's file system, beside three plain loops."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench import process, scene
from bench.figure import Figure
from signing.repository import Repository

_MIB: Final = 1024 * 1024
_IMAGES_MIB: Final = {"boot": 16, "rootfs": 96, "app": 32}
_RSS_MOST_MIB: Final = 60


@dataclass(frozen=True, slots=True)
class _Stage:
    folder: Path
    url: str
    repository: Repository
    images: dict[str, Path]

    def install(self) -> process.Usage:
        """Let a device that knows nothing yet install all three."""
        settings = scene.make_device(
            self.folder / "device",
            self.repository,
            self.url,
            version="0.9.0",
            slot_bytes=max(image.stat().st_size for image in self.images.values()),
            images=tuple(self.images),
        )
        return process.run("-m", "bench.device", "install", str(settings))

    def plain_loop(self, image: str) -> process.Usage:
        """Do the least for one of them."""
        slot = self.folder / f"plain-{image}"
        scene.fill_slot(slot, self.images[image].stat().st_size)
        tree = scene.published(self.repository)
        (index,) = tree.glob(f"targets/**/*.{image}.index")
        (data,) = tree.glob(f"targets/**/*.{image}.data")
        url = f"{self.url}{data.relative_to(tree)}"
        return process.run("-m", "bench.plain_loop", url, str(index), str(slot))


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure the installation of a group; ``quick`` takes small images and one repetition."""
    divisor, times = (16, 1) if quick else (1, 5)
    images = {}
    for name, size_mib in _IMAGES_MIB.items():
        images[name] = folder / name
        scene.write_image(images[name], size_mib * _MIB // divisor)
    repository = scene.make_repository(folder / "repository")
    scene.stage_release(repository, "1.0.0", images)
    scene.sign_and_publish(repository)
    with process.server("-m", "bench.file_server", str(scene.published(repository))) as url:
        stage = _Stage(folder, url, repository, images)
        runs = process.interleaved(
            times,
            install=stage.install,
            boot=lambda: stage.plain_loop("boot"),
            rootfs=lambda: stage.plain_loop("rootfs"),
            app=lambda: stage.plain_loop("app"),
        )
    floor = [runs[image] for image in images]
    return [
        Figure(
            "slot-group",
            "CPU of installing three images, all",
            process.cpu_s(runs["install"]),
            "s",
            "a plain loop an image, all",
            sum(process.cpu_s(one) for one in floor),
        ),
        Figure(
            "slot-group",
            "peak RSS",
            _peak_mib(runs["install"]),
            "MiB",
            "plain loop, the largest",
            max(_peak_mib(one) for one in floor),
            most=_RSS_MOST_MIB,
        ),
    ]


def _peak_mib(runs: list[process.Usage]) -> float:
    return median(float(json.loads(usage.output)["peak_rss_bytes"]) for usage in runs) / _MIB
