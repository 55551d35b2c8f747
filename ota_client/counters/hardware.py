"""The stored rollback index in hardware, with a record beside it: the higher of the two holds."""

import logging
from collections.abc import Callable
from typing import Final, Protocol

from ota_client.counters.health import CounterHealth, CounterReport, HardwareReading, judge
from ota_client.counters.record import RecordCounter
from ota_client.disk.record import Record
from ota_client.errors import CounterError, CounterUnavailableError, StateCorruptError

IDENTITY_BYTES: Final = 16

_log = logging.getLogger(__name__)


class HardwareIndex(Protocol):
    """A rollback index that no software on the device lowers: a TPM's counter, or an RPMB block.

    Every method raises ``CounterUnavailableError`` while the hardware does not answer, and
    ``CounterError`` when it refuses or holds something else in the index's place.
    """

    @property
    def kind(self) -> str:
        """Its name, for people."""

    def read(self) -> HardwareReading | None:
        """What it holds; None where it was not provisioned to the end."""

    def raise_to(self, index: int) -> None:
        """Come nearer to ``index``, or reach it; a cut leaves a value between the two."""

    def provision(self, index: int, identity: bytes) -> None:
        """Begin at ``index``; identity and beginning can never be changed again. A cut is redone."""

    def remove(self) -> None:
        """Remove what stands in the index's place, if anything does."""


class HardwareCounter:
    """A rollback counter over hardware.

    The record comes first: where the hardware fails, a slot can still be confirmed, and the hardware
    follows at the next start.

    Args:
        record: the index on the disk.
        binding: remembers the identity of the hardware that this device was provisioned with.
        hardware: the hardware.
        random: makes that many random bytes, for a new identity.
    """

    def __init__(
        self,
        record: RecordCounter,
        binding: Record,
        hardware: HardwareIndex,
        random: Callable[[int], bytes],
    ) -> None:
        self._record, self._binding, self._hardware = record, binding, hardware
        self._random = random

    def report(self) -> CounterReport:
        """Compare the record with the hardware."""
        found: HardwareReading | CounterError | None
        try:
            found = self._hardware.read()
        except CounterError as e:
            found = e
        return judge(self._hardware.kind, self._record.read(), self._known(), found)

    def read(self) -> int:
        """The stored rollback index."""
        return self.report().index

    def raise_to(self, index: int) -> None:
        """Store ``index`` if it is higher: in the record, then in the hardware if that answers."""
        report = self.report()
        self._record.raise_to(max(index, report.index))
        if report.health is not CounterHealth.OK:
            _log.log(
                logging.INFO if report.health is CounterHealth.BEHIND else logging.ERROR, report.detail
            )
        if not report.health.sound:
            return
        try:
            self._adopt()
            self._hardware.raise_to(max(index, report.index))
        except CounterError as e:
            _log.warning("the stored rollback index is in the record only: %s", e)

    def provision(self, index: int, *, replace: bool) -> None:
        """Begin to count in the hardware, or adopt what a cut provisioning left."""
        report = self.report()
        if report.health is CounterHealth.UNAVAILABLE:
            raise CounterUnavailableError(report.detail)
        if not report.health.sound:
            if replace:
                self._hardware.remove()
            elif report.health is not CounterHealth.UNPROVISIONED:
                raise CounterError(report.detail)
            self._record.raise_to(index)
            # the identity is remembered last: until then, the hardware counts as cleared or replaced
            self._hardware.provision(self._record.read(), self._random(IDENTITY_BYTES))
            self._remember()
        self.raise_to(index)

    def _known(self) -> bytes | None:
        identity = self._binding.read()
        if identity is not None and len(identity) != IDENTITY_BYTES:
            raise StateCorruptError(
                f"{self._binding.path}: expected {IDENTITY_BYTES} bytes, got {len(identity)}"
            )
        return identity

    def _adopt(self) -> None:
        if self._known() is None:
            self._remember()

    def _remember(self) -> None:
        found = self._hardware.read()
        if found is not None:
            self._binding.write(found.identity)
