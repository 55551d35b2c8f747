"""Rollback counters over a simulated disk and a simulated TPM."""

from ota_client.counters.hardware import HardwareCounter
from ota_client.counters.record import RecordCounter
from ota_client.counters.tpm import Passwords, TpmIndex
from ota_client.disk.record import Record
from ota_client.testing import SimulatedStorage
from support.simulated_tpm import SimulatedTpm

NV_INDEX = 0x1500016


def make_index(tpm: SimulatedTpm, *, auth: bytes = b"", owner: bytes = b"") -> TpmIndex:
    passwords = Passwords(lambda: auth, lambda: owner)
    return TpmIndex(tpm.connect, NV_INDEX, passwords, wait=lambda _: None)


def make_counter(
    storage: SimulatedStorage,
    tpm: SimulatedTpm,
    *,
    folder: str = "state",
    identity: int = 1,
    **passwords,
) -> HardwareCounter:
    """A counter whose next new identity is a row of ``identity``."""
    return HardwareCounter(
        RecordCounter(Record(storage, f"{folder}/rollback-index")),
        Record(storage, f"{folder}/rollback-counter"),
        make_index(tpm, **passwords),
        lambda size: bytes([identity]) * size,
    )
