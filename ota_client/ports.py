"""Everything outside that a client touches."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ota_client.counters import RollbackCounter
from ota_client.disk.storage import Storage
from ota_client.network.fetcher import Fetcher
from ota_client.slots import Slots
from ota_client.state import StateStore


@dataclass(frozen=True, slots=True)
class Ports:
    """Disk, boot loader, network and clock, so that a test or an odd device can bring its own.

    Attributes:
        fetcher: makes the network when a check first needs it: status and mark good never load it.
        clock: the time, UTC; it may be years off. Read once a run.
    """

    storage: Storage
    slots: Slots
    state: StateStore
    counter: RollbackCounter
    fetcher: Callable[[], Fetcher]
    clock: Callable[[], datetime]
