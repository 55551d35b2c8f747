"""The boot control ``grub`` and the model of GRUB over one simulated disk."""

from pathlib import Path

from support.boot_loaders.grub import GrubLoader

from ota_client.bootcontrol.grub.control import GrubBootControl, GrubSettings
from ota_client.testing import SimulatedStorage

FOLDER = "/boot/grub"
TRIES = f"{FOLDER}/ratchet-tries.env"


class GrubDevice:
    """A device whose slots are only names.

    Attributes:
        booted: the slot that runs.
    """

    def __init__(self, files=None):
        self.storage = SimulatedStorage(files or {})
        self.booted = "A"
        self.control = self.open()
        if not files:
            self.control.provision("A")

    def open(self) -> GrubBootControl:
        """The boot control of an agent that has just started."""
        return GrubSettings(Path(FOLDER)).open(self.storage, ("A", "B"), lambda: self.booted)

    @property
    def files(self) -> dict[str, bytes]:
        """What is in GRUB's folder, by name."""
        return folder_files(self.storage.files())

    def boot(self) -> str:
        self.booted = GrubLoader(FOLDER).start(self.storage)
        return self.booted

    def choice(self):
        """What GRUB would start, without starting it."""
        return GrubLoader(FOLDER).decide(SimulatedStorage(self.storage.files()))


def folder_files(files) -> dict[str, bytes]:
    return {Path(path).name: data for path, data in files.items()}


def live(device: GrubDevice) -> None:
    """Two updates with arguments, a fallback, and a trial that was given up."""
    update(device, "B", "roothash=0b")
    update(device, "A", "roothash=0a b=1")
    device.control.activate("B", "roothash=1b")
    for _ in range(4):
        device.boot()
    device.control.settle()
    device.control.set_unbootable("B")
    device.control.activate("B")
    device.boot()
    device.control.settle()
    device.control.set_unbootable("B")
    device.boot()


def update(device: GrubDevice, slot: str, arguments: str) -> None:
    device.control.set_unbootable(slot)
    device.control.activate(slot, arguments)
    device.boot()
    device.control.settle()
    device.control.mark_good(slot)
