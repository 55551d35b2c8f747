"""Everything outside that a client touches."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ota_client.counters import RollbackCounter
from ota_client.disk.storage import Storage
from ota_client.errors import ConfigError
from ota_client.network.fetcher import Fetcher, Line
from ota_client.slots import Slots
from ota_client.state import StateStore


def no_line(_: Path | None, __: Path | None) -> Line:
    """Ports without a way to an update server."""
    raise ConfigError("expected ports with a way to the update server, got none; see open_ports")


@dataclass(frozen=True, slots=True)
class Ports:
    """Disk, boot loader, network and clock, so that a test or an odd device can bring its own.

    Attributes:
        fetcher: makes the network when a check first needs it: status and mark good never load it.
        clock: the time, UTC; it may be years off. Read once a run.
        line: the way to the update server, showing the client certificate and key of these files.
    """

    storage: Storage
    slots: Slots
    state: StateStore
    counter: RollbackCounter
    fetcher: Callable[[], Fetcher]
    clock: Callable[[], datetime]
    line: Callable[[Path | None, Path | None], Line] = no_line
