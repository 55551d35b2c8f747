"""A device in memory: slots, boot loader and client over one simulated disk."""

from collections.abc import Callable
from datetime import datetime

from ota_client.client import OtaClient
from ota_client.config import DeviceConfig
from ota_client.counters import RecordCounter
from ota_client.disk.record import Record
from ota_client.images.tree import TreeImages
from ota_client.network.fetcher import Fetcher
from ota_client.ports import Ports
from ota_client.slots import Slots
from ota_client.state import StateStore
from ota_client.testing.boot_loader import BootLoader, FileBootLoader, start_failing
from ota_client.testing.cuts import Cut
from ota_client.testing.file_system import SimulatedFileSystem
from ota_client.testing.storage import SimulatedStorage


class SimulatedDevice:
    """A device in memory: slots A and B, a boot loader, and a client.

    Args:
        config: its settings; their paths name files of ``storage``.
        storage: its disk.
        fetcher: its network.
        clock: its time, UTC.
        boot_loader: the other side of its boot control; by default the ``file`` boot control's.

    Attributes:
        booted: the slot that runs.
    """

    def __init__(
        self,
        config: DeviceConfig,
        storage: SimulatedStorage,
        *,
        fetcher: Fetcher,
        clock: Callable[[], datetime],
        boot_loader: BootLoader | None = None,
    ) -> None:
        self.config, self.storage = config, storage
        self._fetcher, self._clock = fetcher, clock
        self._boot_loader = boot_loader or FileBootLoader(config)
        self.booted = "A"
        self.boot_control = config.boot.open(storage, tuple(config.slots), lambda: self.booted)
        self.state = StateStore(Record(storage, str(config.state_dir / "state")))
        self.counter = RecordCounter(Record(storage, str(config.state_dir / "rollback-index")))
        self.slots = Slots(
            storage,
            self.boot_control,
            config.slots,
            {image: TreeImages(storage, SimulatedFileSystem(storage)) for image in config.file_systems},
        )
        ports = Ports(storage, self.slots, self.state, self.counter, lambda: fetcher, clock)
        self.client = OtaClient(config, ports)

    @staticmethod
    def factory_files(
        config: DeviceConfig, *, image: bytes, slot_bytes: int, boot_loader: BootLoader | None = None
    ) -> dict[str, bytes]:
        """The disk of a device that leaves the factory: slot A runs ``image``, slot B is empty."""
        storage = SimulatedStorage({})
        for slot, images in config.slots.items():
            for path in images.values():
                content = image if slot == "A" else b""
                storage.create(path, content.ljust(slot_bytes, b"\0"))
        if boot_loader is not None:
            boot_loader.prepare(storage)
        config.boot.open(storage, tuple(config.slots), lambda: "A").provision("A")
        return storage.files()

    def after(self, cut: Cut) -> "SimulatedDevice":
        """The device with what is left on its medium after a cut; ``boot`` starts it."""
        storage = SimulatedStorage(cut.medium(self.storage))
        return SimulatedDevice(
            self.config,
            storage,
            fetcher=self._fetcher,
            clock=self._clock,
            boot_loader=self._boot_loader,
        )

    def boot(self) -> str:
        """Restart; returns the slot that runs.

        Raises:
            BootControlError: no slot is bootable: the device is dead.
        """
        self.booted = self._boot_loader.start(self.storage)
        return self.booted

    def fail_boot(self) -> str:
        """Restart, with the first choice never coming up; returns the slot that runs."""
        self.booted = start_failing(self._boot_loader, self.storage)[-1]
        return self.booted
