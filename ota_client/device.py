"""A real device's ports, made from its settings."""

import os
import stat
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ota_client.config import DeviceConfig
from ota_client.counters.health import CounterReport
from ota_client.disk.record import Record
from ota_client.disk.storage import DiskStorage, Storage
from ota_client.errors import BootControlError, ConfigError, StorageError
from ota_client.network.daily_limit import DailyLimit, traffic_record
from ota_client.network.fetcher import Fetcher, Line
from ota_client.ports import Ports
from ota_client.slots import Slots
from ota_client.state import StateStore

if TYPE_CHECKING:
    from ota_client.images.tree import TreeImages


def open_ports(config: DeviceConfig) -> Ports:
    """Make the ports of the device that ``config`` describes.

    Raises:
        StorageError: the state directory cannot be made, or is a link.
    """
    make_state_dir(config.state_dir)
    storage = DiskStorage()
    # one for all connections: two would each forget what the other has counted
    daily_limit = cache(lambda: _daily_limit(config, storage))

    @cache
    def fetcher() -> Fetcher:
        from ota_client.fetch import HttpFetcher  # noqa: PLC0415 status and mark good need no network

        return HttpFetcher(config.http, daily_limit=daily_limit())

    def line(certificate: Path | None, key: Path | None) -> Line:
        from ota_client.fetch import HttpFetcher  # noqa: PLC0415 as above

        # a session of its own: no mirror sees the device's certificate
        http = replace(config.http, client_certificate=certificate, client_key=key)
        return HttpFetcher(http, daily_limit=daily_limit())

    return Ports(
        storage=storage,
        slots=Slots(
            storage,
            config.boot.open(storage, tuple(config.slots)),
            _resolved(config.slots),
            _trees(config, storage) if config.file_systems else {},
        ),
        state=StateStore(Record(storage, str(config.state_dir / "state"))),
        counter=config.counter.open(storage, config.state_dir),
        fetcher=fetcher,
        clock=lambda: datetime.now(UTC),
        line=line,
    )


def _daily_limit(config: DeviceConfig, storage: Storage) -> DailyLimit | None:
    limit_bytes = config.http.daily_limit_bytes
    if limit_bytes is None:
        return None
    record = traffic_record(storage, config.state_dir)
    return DailyLimit(limit_bytes, record, clock=lambda: datetime.now(UTC), uptime=time.monotonic)


def provision(config: DeviceConfig, storage: Storage) -> str:
    """Write the boot state of a device that leaves the factory: what runs is good, nothing else is.

    Then its rollback counter begins, where it has one in hardware.

    Returns:
        The slot that runs.

    Raises:
        ConfigError: there is a boot state already.
        BootControlError: the running slot is not known, or not configured.
        CounterError: the hardware refuses, or was provisioned before; see ``provision_counter``.
    """
    booted = config.boot.running(storage)
    if booted not in config.slots:
        raise BootControlError(f"expected a slot of {', '.join(config.slots)} to run, got {booted}")
    config.boot.open(storage, tuple(config.slots)).provision(booted)
    if config.counter.kind != "record":
        provision_counter(config, storage)
    return booted


def provision_counter(config: DeviceConfig, storage: Storage, *, replace: bool = False) -> CounterReport:
    """Begin to count in the hardware at the stored rollback index; done already is well too.

    Args:
        config: the device's settings.
        storage: the disk.
        replace: begin anew where the hardware was cleared or exchanged. The index stays what the
            record and the firmware say; what the old hardware held above that is given up.

    Raises:
        ConfigError: the settings name no hardware.
        CounterError: the hardware was cleared or exchanged and ``replace`` is not set, or it refuses.
    """
    if config.counter.kind == "record":
        raise ConfigError("rollback_counter.kind: expected hardware such as tpm, got record")
    make_state_dir(config.state_dir)
    with storage.lock(str(config.state_dir / "lock")):
        counter = config.counter.open(storage, config.state_dir)
        counter.provision(config.firmware.rollback_index, replace=replace)
        return counter.report()


def _trees(config: DeviceConfig, storage: Storage) -> "dict[str, TreeImages]":
    from ota_client.images.file_system import (  # noqa: PLC0415 few devices have tar images
        KernelFileSystem,
    )
    from ota_client.images.tree import TreeImages  # noqa: PLC0415 as above

    point = config.state_dir / "mnt"
    return {
        image: TreeImages(storage, KernelFileSystem(settings, point))
        for image, settings in config.file_systems.items()
    }


def _resolved(slots: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    # /dev/disk/by-partlabel/... is a link, and root's; the state's files follow none (D09)
    return {
        slot: {image: os.path.realpath(path) for image, path in images.items()}
        for slot, images in slots.items()
    }


def make_state_dir(path: Path) -> None:
    """Make a folder that only its owner reads.

    Raises:
        StorageError: it cannot be made, or is a link (D09).
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = os.lstat(path).st_mode
    except OSError as e:
        raise StorageError(f"{path}: expected the state directory, got {e.strerror}") from e
    if not stat.S_ISDIR(mode):
        # a planted link would carry the trust floor, or the device's key, elsewhere (D09)
        raise StorageError(f"{path}: expected the state directory itself, got a link to one")
