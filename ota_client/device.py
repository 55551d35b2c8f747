"""A real device's ports, made from its settings."""

import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from ota_client.bootcontrol import FileBootControl
from ota_client.bootcontrol.file import CONFIRMED, UNBOOTABLE
from ota_client.config import BootSettings, DeviceConfig
from ota_client.counters import RecordCounter
from ota_client.disk.record import COPIES, Record
from ota_client.disk.storage import DiskStorage, Storage
from ota_client.errors import BootControlError, ConfigError, StorageError
from ota_client.network.fetcher import Fetcher
from ota_client.ports import Ports
from ota_client.slots import Slots
from ota_client.state import StateStore

_CMDLINE: Final = Path("/proc/cmdline")


def open_ports(config: DeviceConfig) -> Ports:
    """Make the ports of the device that ``config`` describes.

    Raises:
        StorageError: the state directory cannot be made, or is a link.
    """
    _make_state_dir(config.state_dir)
    storage = DiskStorage()

    @cache
    def fetcher() -> Fetcher:
        from ota_client.fetch import HttpFetcher  # noqa: PLC0415 status and mark good need no network

        return HttpFetcher(config.http)

    return Ports(
        storage=storage,
        slots=Slots(storage, open_boot_control(config.boot, storage), _resolved(config.slots)),
        state=StateStore(Record(storage, str(config.state_dir / "state"))),
        counter=RecordCounter(Record(storage, str(config.state_dir / "rollback-index"))),
        fetcher=fetcher,
        clock=lambda: datetime.now(UTC),
    )


def open_boot_control(boot: BootSettings, storage: Storage) -> FileBootControl:
    """Make the boot control that the settings name."""
    record = Record(storage, str(boot.record), way_out="provision the boot record again")
    return FileBootControl(record, lambda: _booted(boot))


def provision(config: DeviceConfig, storage: Storage) -> str:
    """Write the boot record of a device that leaves the factory: what runs is good, nothing else is.

    Returns:
        The slot that runs.

    Raises:
        ConfigError: there is a boot record already.
        BootControlError: the running slot is not known, or not configured.
    """
    booted = _booted(config.boot)
    if booted not in config.slots:
        raise BootControlError(f"expected a slot of {', '.join(config.slots)} to run, got {booted}")
    if any(storage.exists(f"{config.boot.record}.{copy}") for copy in COPIES):
        raise ConfigError(f"{config.boot.record}: expected no boot record yet, got one; remove it first")
    flags = {slot: CONFIRMED if slot == booted else UNBOOTABLE for slot in config.slots}
    open_boot_control(config.boot, storage).initialise(flags)
    return booted


def _resolved(slots: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    # /dev/disk/by-partlabel/... is a link, and root's; the state's files follow none (D09)
    return {
        slot: {image: os.path.realpath(path) for image, path in images.items()}
        for slot, images in slots.items()
    }


def _booted(boot: BootSettings) -> str:
    source = boot.booted_file or _CMDLINE
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as e:
        raise BootControlError(f"{source}: expected the running slot's name, got {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise BootControlError(f"{source}: expected the running slot's name, got no UTF-8") from e
    if boot.booted_file is not None:
        return text.strip()
    arguments = dict(word.split("=", 1) for word in text.split() if "=" in word)
    if boot.cmdline_key not in arguments:
        raise BootControlError(
            f"{source}: expected the boot loader to pass {boot.cmdline_key}=SLOT, got no such argument"
        )
    return arguments[boot.cmdline_key]


def _make_state_dir(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = os.lstat(path).st_mode
    except OSError as e:
        raise StorageError(f"{path}: expected the state directory, got {e.strerror}") from e
    if not stat.S_ISDIR(mode):
        # a planted link would carry the trust floor elsewhere (D09)
        raise StorageError(f"{path}: expected the state directory itself, got a link to one")
