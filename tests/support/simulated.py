"""A device in memory, ready to be attacked."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ota_client import DeviceConfig
from ota_client.network.fetcher import Fetcher
from ota_client.testing import SimulatedDevice, SimulatedStorage
from ota_client.testing.simulator import settings_text
from support.memory_repository import BASE_URL, HARDWARE, PRODUCT, MemoryRepository

SLOT_BYTES = 64 * 1024
FACTORY_IMAGE = b"factory image" * 100


def make_config(folder: Path, pinned_root: bytes, **changes) -> DeviceConfig:
    """The settings of a device whose files are in memory; TUF's cache and the root are in ``folder``."""
    (folder / "root.json").write_bytes(pinned_root)
    facts = {
        "product": PRODUCT,
        "hardware_id": HARDWARE,
        "channel": "stable",
        "urls": (BASE_URL,),
        "version": "1.0.0",
        "rollback_index": 1,
        "images": ("rootfs",),
        "network": "",
    }
    return DeviceConfig.parse(settings_text(**{**facts, **changes}), folder=folder)


def make_device(
    folder: Path,
    repository: MemoryRepository,
    *,
    now: datetime | None = None,
    clock: Callable[[], datetime] | None = None,
    fetcher: Fetcher | None = None,
    **changes,
) -> SimulatedDevice:
    """A device that leaves the factory with 1.0.0 in slot A.

    Its clock follows the repository's, unless ``now`` or ``clock`` says otherwise.
    """
    config = make_config(folder, repository.pinned_root, **changes)
    files = SimulatedDevice.factory_files(config, image=FACTORY_IMAGE, slot_bytes=SLOT_BYTES)
    return SimulatedDevice(
        config,
        SimulatedStorage(files),
        fetcher=fetcher or repository,
        clock=clock or (lambda: now or repository.now),
    )
