"""The ``[boot]`` table: which boot loader the device has, and how to learn which slot is running."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from ota_client.bootcontrol.booted import Booted
from ota_client.bootcontrol.control import BootControl, LoaderSettings
from ota_client.bootcontrol.file import FileSettings
from ota_client.disk.storage import Storage
from ota_client.formats.strict import Fields

KINDS: Final[Mapping[str, type[LoaderSettings]]] = {
    "file": FileSettings,
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

    def open(
        self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str] | None = None
    ) -> BootControl:
        """Make the boot control.

        Args:
            storage: the disk.
            slots: the names of the device's slots.
            booted: tells the slot that is running; by default, what ``self.booted`` says.
        """
        return self.loader.open(storage, slots, booted or self.booted.slot)
