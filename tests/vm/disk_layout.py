"""Where everything is on the guest's disk; the same on every board."""

from typing import Final

from vm.disk_image import MIB, Partition
from vm.firmware import SLOT_BYTES

BOOT: Final = Partition("boot", MIB, 63 * MIB)
ENVIRONMENT: Final = Partition("environment", 64 * MIB, MIB)
SLOTS: Final = {
    "A": Partition("slotA", 65 * MIB, SLOT_BYTES),
    "B": Partition("slotB", 65 * MIB + SLOT_BYTES, SLOT_BYTES),
}
DATA: Final = Partition("data", 65 * MIB + 2 * SLOT_BYTES, 16 * MIB)
PARTITIONS: Final = (BOOT, ENVIRONMENT, *SLOTS.values(), DATA)
