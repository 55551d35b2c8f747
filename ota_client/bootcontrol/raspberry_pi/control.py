"""Raspberry Pi's boot loader: ``autoboot.txt`` and its one-shot ``tryboot`` flag.

The boot loader counts nothing and writes nothing, and the flag is lost with the power. So tries are
counted here: each boot of the good slot while another one is on trial takes a try. A power cut before
the trial costs one of them; a release that never comes up costs all (D04).
https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#fail-safe-os-updates-tryboot
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from ota_client.bootcontrol.boot_id import read_boot_id
from ota_client.bootcontrol.control import BootStatus, SlotBoot
from ota_client.bootcontrol.raspberry_pi.autoboot import Autoboot, AutobootFile
from ota_client.disk.record import MAX_BYTES, Record
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError, ConfigError
from ota_client.formats.strict import Fields, canonical_json, parse_canonical_json

TRIES: Final = 3
_TRIES_MOST: Final = 15
# the boot loader can be told of no higher one
_PARTITION_MOST: Final = 63
PARTITION: Final = "/proc/device-tree/chosen/bootloader/partition"


@dataclass(frozen=True, slots=True)
class RaspberryPiSettings:
    """The settings of the ``raspberry-pi`` boot control.

    Attributes:
        autoboot: ``autoboot.txt`` on the first FAT partition.
        record: what is remembered of a trial; its two copies are ``<record>.0`` and ``<record>.1``.
        partitions: by slot, the number of its boot partition.
        tries: how many boots of the good slot a trial may cost.
    """

    autoboot: Path
    record: Path
    partitions: Mapping[str, int]
    tries: int = TRIES

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:
        """Take these settings from the ``[boot]`` table."""
        numbers = table.table("partitions")
        partitions = {
            slot: numbers.integer(slot, lowest=1, highest=_PARTITION_MOST) for slot in numbers.names()
        }
        if len(set(partitions.values())) != len(partitions):
            table.fail("partitions", "another partition for each slot", partitions)
        return cls(
            autoboot=path("autoboot"),
            record=path("record"),
            partitions=partitions,
            tries=table.count("tries", TRIES, most=_TRIES_MOST),
        )

    def running(self, storage: Storage) -> str:
        """The slot that runs, by the partition that the boot loader put into the device tree.

        Raises:
            BootControlError: the device tree names no slot's partition.
            StorageError: it cannot be read.
        """
        with storage.open(PARTITION, writable=False) as file:
            number = int.from_bytes(file.read_at(0, 4), "big")
        for slot, partition in self.partitions.items():
            if partition == number:
                return slot
        raise BootControlError(
            f"{PARTITION}: expected the partition of a slot ({_listed(self.partitions)}), got {number}"
        )

    def open(
        self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str]
    ) -> "RaspberryPiBootControl":
        """Make the boot control."""
        if set(slots) != set(self.partitions):
            raise ConfigError(
                f"boot.partitions: expected the slots {', '.join(sorted(slots))}, got "
                f"{', '.join(sorted(self.partitions))}"
            )
        return RaspberryPiBootControl(
            AutobootFile(storage, str(self.autoboot)),
            Record(storage, str(self.record), way_out="remove both and provision the device again"),
            self,
            booted=booted,
            boot_id=lambda: read_boot_id(storage),
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """The slot that was last put on trial.

    Attributes:
        tries_left: how many more boots of another slot it may cost; 0 once it was given up.
        boot_id: the boot in which this was last counted.
    """

    slot: str
    tries_left: int
    boot_id: str


class RaspberryPiBootControl:
    """Boot control over ``autoboot.txt``, with the tries in a durable record.

    ``[all]`` names the confirmed slot; ``[tryboot]`` the one on trial, or the confirmed one again, so
    that nothing else can be started.

    Args:
        autoboot: the file that the boot loader reads; each transition takes effect by one write of it.
        record: holds the trial.
        settings: the slots' partitions, and how many tries a trial has.
        booted: tells the slot that is running.
        boot_id: tells which boot this is.
    """

    def __init__(
        self,
        autoboot: AutobootFile,
        record: Record,
        settings: RaspberryPiSettings,
        *,
        booted: Callable[[], str],
        boot_id: Callable[[], str],
    ) -> None:
        self._autoboot = autoboot
        self._record = record
        self._partitions = settings.partitions
        self._tries = settings.tries
        self._booted = booted
        self._boot_id = boot_id

    def provision(self, booted: str) -> None:
        """Check that the slot that runs is the one that starts by default, and remember no trial."""
        if self._record.exists():
            raise ConfigError(f"{self._record.path}: expected no record yet, got one; remove it first")
        autoboot, partition = self._autoboot.load(), self._partition(booted)
        if autoboot.default != partition:
            raise ConfigError(
                f"autoboot.txt: expected boot_partition={partition} below [all], as slot {booted} runs, "
                f"got {autoboot.default}"
            )
        self._autoboot.save(Autoboot(partition, partition))
        self._record.write(canonical_json({}))

    def settle(self) -> None:
        """Count this boot, if a slot on trial should run instead; at no tries left, give it up."""
        autoboot = self._autoboot.load()
        slot = self._slot(autoboot.tryboot)
        if autoboot.tryboot == autoboot.default or self._booted() == slot:
            return
        trial, boot_id = self._trial(slot), self._boot_id()
        if trial.boot_id != boot_id:
            # never below 0: the slot is given up at the next call if the power fails here
            trial = Trial(slot, max(0, trial.tries_left - 1), boot_id)
        self._remember(trial)
        if not trial.tries_left:
            self._autoboot.save(Autoboot(autoboot.default, autoboot.default))

    def status(self) -> BootStatus:
        """Read the boot state."""
        autoboot = self._autoboot.load()
        good, slot = self._slot(autoboot.default), self._slot(autoboot.tryboot)
        trial = self._trial(slot)
        left = trial.tries_left if slot != good else 0
        slots = {name: SlotBoot(bootable=False, good=False, tries_left=0) for name in self._partitions}
        slots[slot] = SlotBoot(bootable=left > 0, good=False, tries_left=left)
        slots[good] = SlotBoot(bootable=True, good=True, tries_left=0)
        return BootStatus(booted=self._booted(), primary=slot if left else good, slots=slots)

    def set_unbootable(self, slot: str) -> None:
        """Never start ``slot``: it is about to be overwritten, or was found bad."""
        autoboot, partition = self._autoboot.load(), self._partition(slot)
        if partition == autoboot.default:
            raise BootControlError(
                f"autoboot.txt: expected another slot to start by default before {slot} is given up"
            )
        if partition == autoboot.tryboot:
            autoboot = Autoboot(autoboot.default, autoboot.default)
        self._autoboot.save(autoboot)

    def check_arguments(self, slot: str, arguments: str) -> None:  # noqa: ARG002 a protocol
        """Refuse all kernel arguments."""
        if arguments:
            raise BootControlError(
                "expected no kernel arguments, as a Raspberry Pi's boot loader passes none; put them "
                "into cmdline.txt on the slot's boot partition, an image of the same release"
            )

    def activate(self, slot: str, arguments: str = "") -> None:
        """Start ``slot`` at the next restart with ``tryboot``, on trial.

        A slot that was put on trial before, and neither confirmed nor given up, goes on with the tries
        that it has left: an agent that installs the same failing release after each fallback must come
        to an end (D04).
        """
        self.check_arguments(slot, arguments)
        autoboot, partition = self._autoboot.load(), self._partition(slot)
        if partition == autoboot.default:
            raise BootControlError(f"expected a slot that is not confirmed to go on trial, got {slot}")
        left = self._trial(slot).tries_left or self._tries
        self._remember(Trial(slot, left, self._boot_id()))
        self._autoboot.save(replace(autoboot, tryboot=partition))

    def mark_good(self, slot: str) -> None:
        """Confirm ``slot``: start it by default."""
        autoboot, partition = self._autoboot.load(), self._partition(slot)
        if partition == autoboot.default:
            self._autoboot.save(autoboot)  # durable, also if a killed agent wrote it
        elif partition == autoboot.tryboot:
            self._autoboot.save(Autoboot(partition, partition))
        else:
            raise BootControlError(
                f"autoboot.txt: expected slot {slot} to be on trial or confirmed, got one that was "
                "given up; restart the device"
            )

    def _partition(self, slot: str) -> int:
        if slot not in self._partitions:
            raise BootControlError(f"expected a slot of {', '.join(self._partitions)}, got {slot}")
        return self._partitions[slot]

    def _slot(self, number: int) -> str:
        for slot, partition in self._partitions.items():
            if partition == number:
                return slot
        raise BootControlError(
            f"autoboot.txt: expected the partition of a slot ({_listed(self._partitions)}), got {number}"
        )

    def _trial(self, slot: str) -> Trial:
        """What is known of the slot's trial; one that nobody has counted yet has all tries."""
        data = self._record.read()
        if data is None:
            raise BootControlError(
                f"{self._record.path}: expected a record, got none; provision the device first"
            )
        what = "record of the trial"
        value = parse_canonical_json(data, max_bytes=MAX_BYTES, what=what, error=BootControlError)
        table = Fields(value, what, BootControlError)
        if not table.names():
            return Trial(slot, self._tries, "")
        trial = Trial(
            table.text("slot"),
            table.integer("tries_left", highest=_TRIES_MOST),
            table.text("boot_id"),
        )
        table.finish()
        return trial if trial.slot == slot else Trial(slot, self._tries, "")

    def _remember(self, trial: Trial) -> None:
        value = {"slot": trial.slot, "tries_left": trial.tries_left, "boot_id": trial.boot_id}
        self._record.write(canonical_json(value))


def _listed(partitions: Mapping[str, int]) -> str:
    return ", ".join(f"{slot} = {partition}" for slot, partition in sorted(partitions.items()))
