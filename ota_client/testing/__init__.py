"""For tests, ours and yours: a disk in memory that loses power, and a device to go with it.

Run an update once on a ``SimulatedDevice``, then restart it ``after`` each cut that ``every_cut`` finds
in what its disk recorded. docs/explanation/power-cuts.md has a whole example.
"""

from ota_client.testing.boot_loader import BootLoader
from ota_client.testing.cuts import Cut, every_cut
from ota_client.testing.device import SimulatedDevice
from ota_client.testing.storage import (
    Created,
    Discarded,
    NameSynced,
    Operation,
    PowerCutError,
    Removed,
    Renamed,
    Replaced,
    SimulatedStorage,
    Synced,
    Written,
)

__all__ = [
    "BootLoader",
    "Created",
    "Cut",
    "Discarded",
    "NameSynced",
    "Operation",
    "PowerCutError",
    "Removed",
    "Renamed",
    "Replaced",
    "SimulatedDevice",
    "SimulatedStorage",
    "Synced",
    "Written",
    "every_cut",
]
