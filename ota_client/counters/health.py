"""Do the record and the hardware agree on the stored rollback index? Decided here, without I/O.

The table is docs/reference/rollback-counter.md.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ota_client.errors import CounterError, CounterUnavailableError

_PROVISION: Final = "run 'ota-client provision-counter'"
_REPLACE: Final = (
    "find out who cleared or exchanged it; then 'ota-client provision-counter --replace' begins anew"
)


class CounterHealth(StrEnum):
    """How the hardware stands to the record. Installations need one of the first three."""

    OK = "ok"
    BEHIND = "behind"
    AHEAD = "ahead"
    UNPROVISIONED = "unprovisioned"
    CLEARED = "cleared"
    REPLACED = "replaced"
    UNAVAILABLE = "unavailable"

    @property
    def sound(self) -> bool:
        """Whether the hardware can be trusted to hold the index."""
        return self in {CounterHealth.OK, CounterHealth.BEHIND, CounterHealth.AHEAD}


@dataclass(frozen=True, slots=True)
class HardwareReading:
    """What the hardware holds.

    Attributes:
        identity: random bytes, written once when it was provisioned: another chip has others.
        index: its rollback index.
    """

    identity: bytes
    index: int


@dataclass(frozen=True, slots=True)
class CounterReport:
    """The stored rollback index, and where it comes from.

    Attributes:
        kind: ``record``, or the hardware's name.
        health: how the two agree; ``ok`` where there is only a record.
        record_index: what the record on the disk holds.
        hardware_index: what the hardware holds; None where it tells nothing that can be trusted.
        detail: one sentence for people; empty where all is well.
    """

    kind: str
    health: CounterHealth
    record_index: int
    hardware_index: int | None = None
    detail: str = ""

    @property
    def index(self) -> int:
        """The stored rollback index: the higher of the two holds."""
        return max(self.record_index, self.hardware_index or 0)

    def to_fields(self) -> dict[str, object]:
        """The report as JSON fields (docs/reference/ota-client.md)."""
        return {
            "kind": self.kind,
            "health": self.health.value,
            "record_index": self.record_index,
            "hardware_index": self.hardware_index,
            "detail": self.detail,
        }


def judge(
    kind: str,
    record_index: int,
    known: bytes | None,
    found: HardwareReading | CounterError | None,
) -> CounterReport:
    """Compare what the disk remembers with what the hardware says.

    Args:
        kind: the hardware's name.
        record_index: what the record holds.
        known: the identity of the hardware that this device was provisioned with; None if the disk
            remembers none.
        found: what the hardware says; None where it holds no counter, an error where it does not tell.
    """
    if isinstance(found, CounterUnavailableError):
        return CounterReport(kind, CounterHealth.UNAVAILABLE, record_index, detail=str(found))
    if isinstance(found, CounterError):
        detail = f"{found}; {_REPLACE}"
        return CounterReport(kind, CounterHealth.REPLACED, record_index, detail=detail)
    if found is None and known is None:
        detail = f"the {kind} holds no rollback counter yet; {_PROVISION}"
        return CounterReport(kind, CounterHealth.UNPROVISIONED, record_index, detail=detail)
    if found is None:
        detail = f"expected this device's rollback counter in the {kind}, got none; {_REPLACE}"
        return CounterReport(kind, CounterHealth.CLEARED, record_index, detail=detail)
    if known is not None and found.identity != known:
        detail = f"expected this device's rollback counter in the {kind}, got another one; {_REPLACE}"
        return CounterReport(kind, CounterHealth.REPLACED, record_index, detail=detail)
    return _compared(kind, record_index, found.index)


def _compared(kind: str, record_index: int, hardware_index: int) -> CounterReport:
    health, detail = CounterHealth.OK, ""
    if hardware_index < record_index:
        health = CounterHealth.BEHIND
        detail = f"the {kind} holds {hardware_index}, the record {record_index}; the {kind} follows"
    elif hardware_index > record_index:
        health = CounterHealth.AHEAD
        detail = (
            f"the {kind} holds {hardware_index}, the record {record_index}; an older state directory "
            "was put back, or the record was lost"
        )
    return CounterReport(kind, health, record_index, hardware_index, detail)


def check_counter(report: CounterReport) -> None:
    """Refuse to install while the stored rollback index may be lower than it was.

    Raises:
        CounterUnavailableError: the hardware does not answer now.
        CounterError: it was cleared, exchanged, or never provisioned.
    """
    if report.health is CounterHealth.UNAVAILABLE:
        raise CounterUnavailableError(report.detail)
    if not report.health.sound:
        raise CounterError(report.detail)
