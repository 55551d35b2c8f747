"""A real device's ports, made from its settings."""

import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from ota_client.config import DeviceConfig
from ota_client.counters import RecordCounter
from ota_client.disk.record import Record
from ota_client.disk.storage import DiskStorage, Storage
from ota_client.errors import BootControlError, StorageError
from ota_client.network.fetcher import Fetcher
from ota_client.ports import Ports
from ota_client.slots import Slots
from ota_client.state import StateStore


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
        slots=Slots(storage, config.boot.open(storage, tuple(config.slots)), _resolved(config.slots)),
        state=StateStore(Record(storage, str(config.state_dir / "state"))),
        counter=RecordCounter(Record(storage, str(config.state_dir / "rollback-index"))),
        fetcher=fetcher,
        clock=lambda: datetime.now(UTC),
    )


def provision(config: DeviceConfig, storage: Storage) -> str:
    """Write the boot state of a device that leaves the factory: what runs is good, nothing else is.

    Returns:
        The slot that runs.

    Raises:
        ConfigError: there is a boot state already.
        BootControlError: the running slot is not known, or not configured.
    """
    booted = config.boot.booted.slot()
    if booted not in config.slots:
        raise BootControlError(f"expected a slot of {', '.join(config.slots)} to run, got {booted}")
    config.boot.open(storage, tuple(config.slots)).provision(booted)
    return booted


def _resolved(slots: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    # /dev/disk/by-partlabel/... is a link, and root's; the state's files follow none (D09)
    return {
        slot: {image: os.path.realpath(path) for image, path in images.items()}
        for slot, images in slots.items()
    }


def _make_state_dir(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = os.lstat(path).st_mode
    except OSError as e:
        raise StorageError(f"{path}: expected the state directory, got {e.strerror}") from e
    if not stat.S_ISDIR(mode):
        # a planted link would carry the trust floor elsewhere (D09)
        raise StorageError(f"{path}: expected the state directory itself, got a link to one")
