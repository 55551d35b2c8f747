"""The boot loader of a simulated device: it reads what the boot control wrote, and starts a slot."""

from typing import Final, Protocol

from ota_client.bootcontrol.file import FileBootControl, FileSettings
from ota_client.config import DeviceConfig
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError, ConfigError

_STARTS_MOST: Final = 16


class BootLoader(Protocol):
    """A boot loader's side of a device: what the real one reads, decides and writes."""

    def prepare(self, storage: Storage) -> None:
        """Write what the boot loader's installation leaves on the disk, before ``provision``."""

    def start(self, storage: Storage) -> str:
        """Choose a slot as the boot loader does, and write what it writes before it starts one.

        Raises:
            BootControlError: no slot is bootable: the device is dead.
        """


class FileBootLoader:
    """The boot loader of the ``file`` boot control: it decides by priority, tries and good flags."""

    def __init__(self, config: DeviceConfig) -> None:
        if not isinstance(config.boot.loader, FileSettings):
            raise ConfigError(f"expected the boot control file, got {config.boot.control}")
        self._settings = config.boot.loader
        self._slots = tuple(config.slots)

    def prepare(self, storage: Storage) -> None:
        """Nothing: ``provision`` makes the record."""

    def start(self, storage: Storage) -> str:
        """Choose a slot, and take one of its tries if it is not good."""
        control = self._control(storage)
        slot = control.next_slot()
        if slot is None:
            raise BootControlError("expected a bootable slot, got none; the device does not start")
        if not control.flags()[slot].good:
            # the try is gone before the slot runs, so that a slot which hangs runs out of them (D03)
            control.take_try(slot)
        return slot

    def _control(self, storage: Storage) -> FileBootControl:
        return self._settings.open(storage, self._slots, lambda: "")


def start_failing(loader: BootLoader, storage: Storage) -> tuple[str, ...]:
    """Start, with the first choice failing each time, until another slot comes up.

    Returns:
        Every slot that was started, in order; the last one runs.

    Raises:
        BootControlError: the boot loader does not give the slot up, or has no other.
    """
    started = [loader.start(storage)]
    while len(started) < _STARTS_MOST:
        slot = loader.start(storage)
        started.append(slot)
        if slot != started[0]:
            return tuple(started)
    raise BootControlError(
        f"expected another slot after {started[0]} failed, got {started[0]} again each time; it is "
        "marked good, and a boot loader gives up only slots on trial"
    )
