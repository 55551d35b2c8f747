"""What a device with a boot script remembers: the script knows neither trials nor confirmations."""

from dataclasses import dataclass, replace
from typing import Final, Self

from ota_client.disk.record import MAX_BYTES
from ota_client.errors import BootControlError
from ota_client.formats.strict import Fields, canonical_json, parse_canonical_json

TRIES_MOST: Final = 15
_SLOTS_MOST: Final = 16


@dataclass(frozen=True, slots=True)
class CustomMemory:
    """The content of the record; every change is a new one.

    Attributes:
        good: the confirmed slots.
        boot_id: the boot in which the script was last told of this one.
        trial: the slot that was last put on trial; empty where none was, or it was confirmed.
        waiting: whether the trial is still on.
        tries_left: how many more boots of another slot it may cost; 0 once it was given up.
    """

    good: tuple[str, ...]
    boot_id: str
    trial: str = ""
    waiting: bool = False
    tries_left: int = 0

    def without(self, slot: str) -> "CustomMemory":
        """After ``slot`` was set unbootable; its tries are kept for a second attempt at it."""
        good = tuple(name for name in self.good if name != slot)
        return replace(self, good=good, waiting=self.waiting and self.trial != slot)

    def with_trial(self, slot: str, *, tries: int, boot_id: str) -> "CustomMemory":
        """Before ``slot`` is activated.

        One that was put on trial before, and neither confirmed nor given up, goes on with the tries that
        it has left: an agent that installs the same failing release again must come to an end (D04).
        """
        left = self.tries_left if self.trial == slot else 0
        return replace(
            self.without(slot), boot_id=boot_id, trial=slot, waiting=True, tries_left=left or tries
        )

    def with_good(self, slot: str) -> "CustomMemory":
        """After ``slot`` was confirmed."""
        memory = self if slot in self.good else replace(self, good=(*self.good, slot))
        return replace(memory, trial="", waiting=False, tries_left=0) if self.trial == slot else memory

    def after_a_boot(self, *, goes_on: bool) -> "CustomMemory":
        """After a boot of another slot than the one on trial.

        Args:
            goes_on: whether the script says that the slot on trial would be started again.
        """
        left = max(0, self.tries_left - 1) if goes_on else 0
        return replace(self, tries_left=left, waiting=left > 0)

    def to_bytes(self) -> bytes:
        """Write it as canonical JSON."""
        return canonical_json(
            {
                "good": list(self.good),
                "boot_id": self.boot_id,
                "trial": self.trial,
                "waiting": self.waiting,
                "tries_left": self.tries_left,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read it strictly.

        Raises:
            BootControlError: it is not what ``to_bytes`` wrote.
        """
        what = "record of the boot script"
        value = parse_canonical_json(data, max_bytes=MAX_BYTES, what=what, error=BootControlError)
        table = Fields(value, what, BootControlError)
        memory = cls(
            good=table.texts("good", most=_SLOTS_MOST),
            boot_id=table.text("boot_id"),
            trial=table.text("trial"),
            waiting=table.flag("waiting"),
            tries_left=table.integer("tries_left", highest=TRIES_MOST),
        )
        table.finish()
        return memory
