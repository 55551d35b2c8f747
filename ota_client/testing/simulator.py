"""A device without hardware: slots are files, and the boot loader is a class.

For demos (``ota-client simulate``), for our tests, and through ``ota_client.testing`` for yours.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ota_client.config import DeviceConfig
from ota_client.device import provision
from ota_client.disk.storage import DiskStorage
from ota_client.errors import ConfigError
from ota_client.testing.boot_loader import FileBootLoader, start_failing

SETTINGS: Final = "ota-client.toml"


@dataclass(frozen=True, slots=True)
class SimulatedDeviceFolder:
    """A simulated device in a folder: settings, slots, boot record and memory."""

    folder: Path

    def check(self, settings: str) -> DeviceConfig:
        """Read the settings of a device that is to be made.

        Raises:
            ConfigError: a setting is wrong, or there is a device in the folder.
        """
        config = DeviceConfig.parse(settings, folder=self.folder)
        if self._settings.exists():
            raise ConfigError(f"{self.folder}: expected no device, got one; choose another folder")
        return config

    def create(self, settings: str, *, slot_bytes: int, factory: dict[str, Path]) -> DeviceConfig:
        """Make the device as it leaves the factory: slot A runs, slot B is empty.

        Args:
            settings: the text of its settings file.
            slot_bytes: the size of each slot's images.
            factory: by image, what slot A holds; zeros for those not named.

        Raises:
            ConfigError: there is a device in the folder, or an image is unknown or does not fit.
        """
        config = DeviceConfig.parse(settings, folder=self.folder)
        if self._settings.exists():
            raise ConfigError(f"{self.folder}: expected no device, got one; choose another folder")
        unknown = set(factory) - set(config.slots["A"])
        if unknown:
            raise ConfigError(
                f"factory image: expected {', '.join(config.slots['A'])}, got {unknown.pop()}"
            )
        for slot, images in config.slots.items():
            for image, path in images.items():
                source = factory.get(image) if slot == "A" else None
                _make_slot(Path(path), slot_bytes, source)
        self._run("A")
        provision(config, DiskStorage())
        self._settings.write_text(settings, encoding="utf-8")
        return config

    def boot(self) -> str:
        """Restart; returns the slot that runs."""
        slot = self._boot_loader().start(DiskStorage())
        self._run(slot)
        return slot

    def fail_boot(self) -> tuple[str, ...]:
        """Restart, with the first choice never coming up; returns the slots that were started."""
        started = start_failing(self._boot_loader(), DiskStorage())
        self._run(started[-1])
        return started

    @property
    def _settings(self) -> Path:
        return self.folder / SETTINGS

    def _boot_loader(self) -> FileBootLoader:
        return FileBootLoader(DeviceConfig.load(self._settings))

    def _run(self, slot: str) -> None:
        (self.folder / "booted").write_text(f"{slot}\n", encoding="utf-8")


def settings_text(
    *,
    product: str,
    hardware_id: str,
    channel: str,
    urls: tuple[str, ...],
    version: str,
    rollback_index: int,
    images: tuple[str, ...],
    network: str,
    boot: str = 'control = "file"\nrecord = "boot"\nbooted_file = "booted"\n',
) -> str:
    """The settings file of a simulated device; paths are relative to its folder."""
    slots = "".join(
        f"\n[slots.{slot}]\n" + "".join(f'{image} = "slots/{slot}-{image}.img"\n' for image in images)
        for slot in ("A", "B")
    )
    addresses = ", ".join(f'"{url}"' for url in urls)
    return (
        f'product = "{product}"\nhardware_id = "{hardware_id}"\nchannel = "{channel}"\n'
        f'root = "root.json"\nurls = [{addresses}]\nstate_dir = "state"\n'
        f'\n[firmware]\nversion = "{version}"\nrollback_index = {rollback_index}\n'
        f"{slots}\n[boot]\n{boot}\n[network]\n{network}"
    )


def _make_slot(path: Path, size_bytes: int, source: Path | None) -> None:
    try:
        content = source.read_bytes() if source else b""
        if len(content) > size_bytes:
            raise ConfigError(f"{source}: expected at most {size_bytes} bytes, got {len(content)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
            file.truncate(size_bytes)
    except OSError as e:
        raise ConfigError(f"{e.filename}: {e.strerror}") from e
