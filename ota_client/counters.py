"""Where the stored rollback index lives. It only rises."""

from typing import Final, Protocol

from ota_client.disk.record import Record
from ota_client.errors import StateCorruptError
from ota_client.manifest import ROLLBACK_INDEX_MAX

_DIGITS_LONGEST: Final = len(str(ROLLBACK_INDEX_MAX))


class RollbackCounter(Protocol):
    """A number that a device remembers for ever; a TPM keeps it where no software lowers it."""

    def read(self) -> int:
        """The stored rollback index, 0 on a new device.

        Raises:
            InstallError: it cannot be read.
        """

    def raise_to(self, index: int) -> None:
        """Store ``index`` if it is higher; never lower it.

        Raises:
            InstallError: it cannot be stored.
        """


class RecordCounter:
    """The stored rollback index in a durable record."""

    def __init__(self, record: Record) -> None:
        self._record = record

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
