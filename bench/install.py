"""Install a large image over loopback HTTP, beside a plain loop over the same bytes."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench import process, scene
from bench.figure import Figure
from bench.relay import Traffic, relay
from signing.repository import Repository

_MIB: Final = 1024 * 1024
_RATIO_MOST: Final = 1.2
_RSS_MOST_MIB: Final = 60
# Far below a payload: what is written besides the slot is no temporary copy of it.
_RECORDS_MOST_KB: Final = 100
_PLAIN_HASH: Final = (
    "import hashlib, sys, time; began_s = time.process_time(); "
    "hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256'); print(time.process_time() - began_s)"
)
_PLAIN_IMPORTS: Final = "import bench.plain_loop"


@dataclass(frozen=True, slots=True)
class _Stage:
    """What all contestants share."""

    folder: Path
    url: str
    repository: Repository
    image_bytes: int

    def device(self, command: str, url: str = "") -> process.Usage:
        """Let a device that knows nothing yet check or install."""
        settings = scene.make_device(
            self.folder / "device",
            self.repository,
            url or self.url,
            version="0.9.0",
            slot_bytes=self.image_bytes,
        )
        return process.run("-m", "bench.device", command, str(settings))

    def plain_loop(self) -> process.Usage:
        """Do the least."""
        slot = self.folder / "plain-slot"
        scene.fill_slot(slot, self.image_bytes)
        tree = scene.published(self.repository)
        (index,) = tree.glob("targets/**/*.rootfs.index")
        (data,) = tree.glob("targets/**/*.rootfs.data")
        url = f"{self.url}{data.relative_to(tree)}"
        return process.run("-m", "bench.plain_loop", url, str(index), str(slot))

    def plain_hash(self) -> process.Usage:
        """Hash the image as the standard library does."""
        return process.run("-c", _PLAIN_HASH, str(self.folder / "image"))


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure an install; ``quick`` takes a small image and one repetition."""
    image_bytes, times = (4 * _MIB, 1) if quick else (256 * _MIB, 5)
    image = folder / "image"
    scene.write_image(image, image_bytes)
    repository = scene.make_repository(folder / "repository")
    scene.stage_release(repository, "1.0.0", {"rootfs": image})
    scene.sign_and_publish(repository)
    with process.server("-m", "bench.file_server", str(scene.published(repository))) as url:
        stage = _Stage(folder, url, repository, image_bytes)
        runs = process.interleaved(
            times,
            install=lambda: stage.device("install"),
            check=lambda: stage.device("check"),
            plain_loop=stage.plain_loop,
            plain_imports=lambda: process.run("-c", _PLAIN_IMPORTS),
            plain_hash=stage.plain_hash,
        )
        return [*_cpu_figures(runs), *_memory_figures(runs, image_bytes), _requests_figure(stage)]


def _cpu_figures(runs: dict[str, list[process.Usage]]) -> list[Figure]:
    total, fixed = process.cpu_s(runs["install"]), process.cpu_s(runs["check"])
    floor, floor_fixed = process.cpu_s(runs["plain_loop"]), process.cpu_s(runs["plain_imports"])
    plain_hash = median(float(usage.output) for usage in runs["plain_hash"])
    read_back = _inside(runs["install"], "read_back_cpu_s")
    return [
        Figure(
            "install",
            "CPU without start-up, check and read-back",
            total - fixed - read_back,
            "s",
            "plain loop without its imports",
            floor - floor_fixed,
            ratio_most=_RATIO_MOST,
        ),
        Figure("install", "CPU of all", total, "s", "plain loop, all", floor),
        Figure(
            "install",
            "CPU of start-up and a first check",
            fixed,
            "s",
            "imports of the loop",
            floor_fixed,
        ),
        Figure("install", "CPU of the read-back", read_back, "s", "`hashlib.file_digest`", plain_hash),
    ]


def _memory_figures(runs: dict[str, list[process.Usage]], image_bytes: int) -> list[Figure]:
    return [
        Figure(
            "install",
            "peak RSS",
            _inside(runs["install"], "peak_rss_bytes") / _MIB,
            "MiB",
            "plain loop",
            _inside(runs["plain_loop"], "peak_rss_bytes") / _MIB,
            most=_RSS_MOST_MIB,
        ),
        Figure(
            "install",
            "written besides the image: records, TUF's cache",
            (_inside(runs["install"], "written_bytes") - image_bytes) / 1000,
            "kB",
            "the same of a check",
            _inside(runs["check"], "written_bytes") / 1000,
            most=_RECORDS_MOST_KB,
        ),
    ]


def _requests_figure(stage: _Stage) -> Figure:
    traffic = Traffic()
    with relay(stage.url, traffic) as url:
        stage.device("install", url)
    requests = [path for path in traffic.paths if path.endswith(".data")]
    return Figure("install", "requests for payload data", len(requests), "", "one image", 1, most=1)


def _inside(runs: list[process.Usage], name: str) -> float:
    """The median of a cost that the processes measured themselves."""
    return median(float(json.loads(usage.output)[name]) for usage in runs)
