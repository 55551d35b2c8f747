"""The ``[boot]`` table: which boot loader the device has, and how to learn which slot is running."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Self

from ota_client.bootcontrol.booted import Booted
from ota_client.bootcontrol.control import BootControl, LoaderSettings, TellsRunningSlot
from ota_client.bootcontrol.custom.control import CustomSettings
from ota_client.bootcontrol.efi.control import EfiSettings
from ota_client.bootcontrol.file import FileSettings
from ota_client.bootcontrol.grub.control import GrubSettings
from ota_client.bootcontrol.raspberry_pi.control import RaspberryPiSettings
from ota_client.bootcontrol.systemd_boot.control import SystemdBootSettings
from ota_client.bootcontrol.uboot.control import UBootSettings, UnsafeSingleCopySettings
from ota_client.disk.storage import Storage
from ota_client.formats.strict import Fields

KINDS: Final[Mapping[str, type[LoaderSettings]]] = {
    "custom": CustomSettings,
    "efi": EfiSettings,
    "file": FileSettings,
    "grub": GrubSettings,
    "raspberry-pi": RaspberryPiSettings,
    "systemd-boot": SystemdBootSettings,
    "u-boot": UBootSettings,
    "u-boot-unsafe-single-copy": UnsafeSingleCopySettings,
}


@dataclass(frozen=True, slots=True)
class BootSettings:
    """The boot loader and its settings.

    Attributes:
        control: the boot control's name, a key of ``KINDS``.
        loader: the boot loader's own settings.
        booted: where to read which slot is running.
    """

    control: str
    loader: LoaderSettings
    booted: Booted = field(default_factory=Booted)

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:
        """Take the settings from the ``[boot]`` table.

        Raises:
            ConfigError: a setting is missing, unknown or wrong.
        """
        control = table.text("control")
        if control not in KINDS:
            table.fail("control", f"one of {', '.join(KINDS)}", control)
        settings = cls(control, KINDS[control].read(table, path), Booted.read(table, path))
        table.finish()
        return settings

    def running(self, storage: Storage) -> str:
        """The slot that is running: the boot loader's word, where it tells and no file is named.

        Raises:
            BootControlError: nothing tells it.
            StorageError: what should tell it cannot be read.
        """
        if self.booted.booted_file is None and isinstance(self.loader, TellsRunningSlot):
            told = self.loader.running(storage)
            if told is not None:
                return told
        return self.booted.slot()

    def open(
        self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str] | None = None
    ) -> BootControl:
        """Make the boot control.

        Args:
            storage: the disk.
            slots: the names of the device's slots.
            booted: tells the slot that is running; by default, ``running`` does.
        """
        return self.loader.open(storage, slots, booted or partial(self.running, storage))
