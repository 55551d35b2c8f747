"""The stored rollback index: a number that only rises."""

from typing import Protocol

from ota_client.counters.health import CounterReport


class RollbackCounter(Protocol):
    """A number that a device remembers for ever; hardware keeps it where no software lowers it."""

    def report(self) -> CounterReport:
        """The stored rollback index, and whether all that should keep it does; writes nothing.

        Raises:
            InstallError: the record cannot be read. Trouble with hardware stands in the report.
        """

    def read(self) -> int:
        """The stored rollback index, 0 on a new device; raises as ``report`` does."""

    def raise_to(self, index: int) -> None:
        """Store ``index`` if it is higher; never lower it.

        Hardware that cannot follow now does so at the next call; a slot can be confirmed without it.

        Raises:
            InstallError: it cannot be stored in the record.
        """

    def provision(self, index: int, *, replace: bool) -> None:
        """Begin to count in the hardware, where there is some; does nothing where that is done.

        Args:
            index: the stored rollback index to begin with, at least.
            replace: take new hardware, or a cleared one, in place of what was provisioned before.

        Raises:
            CounterError: the hardware was provisioned before and is not there now; or it refuses.
        """
