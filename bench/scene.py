"""What the benches play on: an image like firmware, a published repository, a device."""

import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ota_client.formats.version import Version
from ota_client.testing.simulator import SETTINGS, SimulatedDeviceFolder, settings_text
from signing.product import add_product
from signing.publish import publish
from signing.release import NewRelease, add_release
from signing.repository import Repository
from signing.review import review
from signing.root import create_repository
from signing.sign import sign

PRODUCT: Final = "gateway"
HARDWARE: Final = "gw-rev2"
USER: Final = "bench"
PASSPHRASE: Final = "a passphrase of the bench"  # noqa: S105 - it protects keys of one minute
_LIBRARIES: Final = Path("/usr/lib")
_PIECE_BYTES: Final = 1024 * 1024
_ERASED: Final = b"\xff" * _PIECE_BYTES


def write_image(path: Path, size_bytes: int) -> None:
    """Make an image from this machine's libraries, which compress as firmware does."""
    with path.open("wb") as image:
        while image.tell() < size_bytes:
            for library in _libraries():
                with library.open("rb") as source:
                    shutil.copyfileobj(source, image, _PIECE_BYTES)
                if image.tell() >= size_bytes:
                    break
        image.truncate(size_bytes)


def _libraries() -> Iterator[Path]:
    for folder, _, names in os.walk(_LIBRARIES):
        for name in sorted(names):
            path = Path(folder, name)
            if ".so" in name and path.is_file() and not path.is_symlink():
                yield path


def make_repository(folder: Path) -> Repository:
    """A repository with keys and a product, staged and not published yet."""
    now = datetime.now(UTC)
    repository = create_repository(folder, now=now, secrets=lambda _: PASSPHRASE, with_keys=True)
    add_product(repository, PRODUCT, (HARDWARE,), now=now)
    return repository


def new_release(version: str, images: Mapping[str, Path]) -> NewRelease:
    """What a release engineer would say of ``images``."""
    return NewRelease(
        product=PRODUCT,
        version=Version.parse(version),
        rollback_index=1,
        hardware_ids=(HARDWARE,),
        images=tuple(images.items()),
        channels=("stable",),
    )


def stage_release(repository: Repository, version: str, images: Mapping[str, Path]) -> None:
    """Stage a release on the channel ``stable``."""
    add_release(repository, new_release(version, images), now=datetime.now(UTC))


def sign_and_publish(repository: Repository) -> None:
    """Make public what is staged."""
    review(repository, user=USER)
    sign(repository, user=USER)
    publish(repository, now=datetime.now(UTC))


def make_device(
    folder: Path,
    repository: Repository,
    url: str,
    *,
    version: str,
    slot_bytes: int,
    network: str = "insecure_http = true\n",
    images: tuple[str, ...] = ("rootfs",),
) -> Path:
    """A device that runs ``version`` and knows ``url``; returns its settings file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "root.json").write_bytes((published(repository) / "metadata/1.root.json").read_bytes())
    settings = settings_text(
        product=PRODUCT,
        hardware_id=HARDWARE,
        channel="stable",
        urls=(url,),
        version=version,
        rollback_index=1,
        images=images,
        network=network,
    )
    config = SimulatedDeviceFolder(folder).create(settings, slot_bytes=slot_bytes, factory={})
    for path in config.slots["B"].values():
        fill_slot(Path(path), slot_bytes)
    return folder / SETTINGS


def fill_slot(path: Path, size_bytes: int) -> None:
    """Make a slot whose blocks exist on the disk and whose pages are in memory.

    New pages cost a virtual machine up to five times as much, at random, when it has to ask its host
    for them.
    """
    with path.open("wb") as slot:
        for _ in range(0, size_bytes, _PIECE_BYTES):
            slot.write(_ERASED)
        slot.truncate(size_bytes)
        slot.flush()
        os.fsync(slot.fileno())


def published(repository: Repository) -> Path:
    """The folder that a server serves."""
    return repository.live.link.resolve()
