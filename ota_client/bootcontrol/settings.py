"""The ``[boot]`` table: which boot loader the device has, and how to learn which slot is running."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final, Self, cast

from ota_client.bootcontrol.booted import Booted
from ota_client.bootcontrol.control import BootControl, LoaderSettings, TellsRunningSlot
from ota_client.disk.storage import Storage
from ota_client.formats.strict import Fields

# By module and class: a device loads the back end of its own boot loader alone.
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "custom": ("custom.control", "CustomSettings"),
    "efi": ("efi.control", "EfiSettings"),
    "file": ("file", "FileSettings"),
    "grub": ("grub.control", "GrubSettings"),
    "raspberry-pi": ("raspberry_pi.control", "RaspberryPiSettings"),
    "systemd-boot": ("systemd_boot.control", "SystemdBootSettings"),
    "u-boot": ("uboot.control", "UBootSettings"),
    "u-boot-unsafe-single-copy": ("uboot.control", "UnsafeSingleCopySettings"),
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
        settings = cls(control, _loader_settings(control).read(table, path), Booted.read(table, path))
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


def _loader_settings(control: str) -> type[LoaderSettings]:
    module, name = KINDS[control]
    back_end = import_module(f"ota_client.bootcontrol.{module}")
    return cast("type[LoaderSettings]", getattr(back_end, name))
