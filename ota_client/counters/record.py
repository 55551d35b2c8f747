"""The stored rollback index in a record on the disk."""

from typing import Final

from ota_client.counters.health import CounterHealth, CounterReport
from ota_client.disk.record import Record
from ota_client.errors import StateCorruptError
from ota_client.manifest import ROLLBACK_INDEX_MAX

_DIGITS_LONGEST: Final = len(str(ROLLBACK_INDEX_MAX))


class RecordCounter:
    """The stored rollback index in a durable record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def report(self) -> CounterReport:
        """There is nothing to compare it with."""
        return CounterReport("record", CounterHealth.OK, self.read())

    def read(self) -> int:
        """The stored rollback index, 0 on a new device."""
        content = self._record.read()
        if content is None:
            return 0
        text = content.decode("ascii", errors="replace")
        if not text.isdecimal() or len(text) > _DIGITS_LONGEST or int(text) > ROLLBACK_INDEX_MAX:
            raise StateCorruptError(f"stored rollback index: expected a number, got {text[:40]!r}")
        return int(text)

    def raise_to(self, index: int) -> None:
        """Store ``index`` if it is higher; never lower it."""
        if index >= self.read():
            # an equal one too: a killed agent may not have made it durable
            self._record.write(str(index).encode())

    def provision(self, index: int, *, replace: bool) -> None:
        """Nothing: there is no hardware."""
