"""A device whose slots, boot record and memory are real files."""

from dataclasses import dataclass, replace
from pathlib import Path

from ota_client import OtaClient, open_ports
from ota_client.config import DeviceConfig
from ota_client.network.fetcher import Fetcher
from ota_client.testing.simulator import SimulatedDeviceFolder, settings_text
from support.memory_repository import BASE_URL, HARDWARE, PRODUCT, MemoryRepository
from support.simulated import FACTORY_IMAGE, SLOT_BYTES


@dataclass(frozen=True)
class FolderDevice:
    """A device in a folder, and the repository it follows."""

    folder: Path
    config: DeviceConfig
    repository: MemoryRepository
    fetcher: Fetcher

    @property
    def client(self) -> OtaClient:
        """A client as a new process makes it."""
        ports = open_ports(self.config)
        return OtaClient(
            self.config,
            replace(ports, fetcher=lambda: self.fetcher, clock=lambda: self.repository.now),
        )

    def boot(self) -> str:
        return SimulatedDeviceFolder(self.folder).boot()

    def path(self, name: str) -> Path:
        """A file of the device, such as ``state/state.0`` or ``slots/B-rootfs.img``."""
        return self.folder / name

    def files(self) -> dict[str, bytes]:
        """The content of every file but TUF's cache, by name."""
        files = {str(path.relative_to(self.folder)): path for path in self.folder.rglob("*")}
        return {
            name: path.read_bytes()
            for name, path in sorted(files.items())
            if path.is_file() and not name.startswith("state/tuf/")
        }


def make_folder_device(
    folder: Path,
    repository: MemoryRepository,
    *,
    slot_bytes: int = SLOT_BYTES,
    fetcher: Fetcher | None = None,
) -> FolderDevice:
    """A device that leaves the factory with 1.0.0 in slot A."""
    folder.mkdir(exist_ok=True)
    (folder / "root.json").write_bytes(repository.pinned_root)
    (folder / "factory.img").write_bytes(FACTORY_IMAGE)
    settings = settings_text(
        product=PRODUCT,
        hardware_id=HARDWARE,
        channel="stable",
        urls=(BASE_URL,),
        version="1.0.0",
        rollback_index=1,
        images=("rootfs",),
        network="",
    )
    config = SimulatedDeviceFolder(folder).create(
        settings, slot_bytes=slot_bytes, factory={"rootfs": folder / "factory.img"}
    )
    return FolderDevice(folder, config, repository, fetcher or repository)
