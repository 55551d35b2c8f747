"""A device that lives on its own and loses its power at random moments, over and over."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vm.block_log import DiskMedium
from vm.device import Device
from vm.inspection import Floor, Found, Inspector
from vm.workshop import FACTORY, SECOND, Workshop

_LONGEST_LIFE_S: Final = 6.0
# some cuts fall into the boot: before the boot loader has read anything, and up to the first program
_CUT_WHILE_BOOTING: Final = 0.35
_CUT_AT_RANDOM: Final = 0.6
_BOOT_S: Final = 5.0
_EVENTS: Final = r"release \S+ is (installed|confirmed)|nothing new: .*|\[known-bad-release\]"
EVENT_DEADLINE_S: Final = 240.0


@dataclass
class Kills:
    """Kills a device, looks at it, switches it on again; after its updates it starts from the factory.

    Attributes:
        workshop: the releases and the factory's device.
        inspector: what must hold.
        ports: of the server with the first release, and of the one with the second.
        folder: where the device is kept.
        rng: decides when the power is cut.
        report: told of each kill.
    """

    workshop: Workshop
    inspector: Inspector
    ports: tuple[int, int]
    folder: Path
    rng: random.Random
    report: Callable[[str], None]
    lives: int = 0
    kills: int = 0

    def run(self, kills: int) -> None:
        """Cut the power so many times, and check after each that the device comes up well."""
        device, floor = self._new_device()
        for kill in range(1, kills + 1):
            told = self._live(device, floor)
            self.kills += 1
            found = self.inspector.check(DiskMedium(device.disk), floor)
            floor = Floor(found.memory.stored_index, found.memory.state.trust_floor)
            self.report(f"kill {kill} of {kills}: {told}, next is {_next(found)}")
            if _has_arrived(found):
                self._check_comes_up(device, floor)
                device, floor = self._new_device()
        self._check_comes_up(device, floor)

    def _new_device(self) -> tuple[Device, Floor]:
        self.lives += 1
        device = self.workshop.factory.copied(self.folder / f"life-{self.lives}")
        found = self.inspector.look(DiskMedium(device.disk))
        return device, Floor(found.memory.stored_index, found.memory.state.trust_floor)

    def _live(self, device: Device, floor: Floor) -> str:
        """Switch on, and cut the power at a random moment."""
        found = self.inspector.look(DiskMedium(device.disk))
        port = self.ports[0] if _next(found) == FACTORY else self.ports[1]
        with device.on(port, mode="agent") as machine:
            if self.rng.random() < _CUT_WHILE_BOOTING:
                return f"off {self._pause(_BOOT_S)} after power on"
            told = self._check_status(machine.wait_for_status(), found, floor)
            if self.rng.random() < _CUT_AT_RANDOM:
                return f"{told} ran, off {self._pause(_LONGEST_LIFE_S)} after that"
            # or soon after something has happened that a cut may undo
            event = machine.console.expect(_EVENTS, deadline_s=EVENT_DEADLINE_S)
            return f"{told} ran, off {self._pause(_BOOT_S)} after '{event.group().strip()}'"

    def _pause(self, most_s: float) -> str:
        """Let the device run on; the moment of the cut is what is tried here."""
        pause_s = self.rng.uniform(0, most_s)
        time.sleep(pause_s)
        return f"{pause_s:.2f} s"

    def _check_comes_up(self, device: Device, floor: Floor) -> None:
        found = self.inspector.look(DiskMedium(device.disk))
        with device.on(self.ports[1], mode="agent") as machine:
            self._check_status(machine.wait_for_status(), found, floor)

    def _check_status(self, told: Mapping[str, object], found: Found, floor: Floor) -> str:
        running, stored = str(told["running_version"]), int(str(told["stored_rollback_index"]))
        assert running in found.holds.values(), f"{running} runs, expected one of {found.holds}"
        assert stored >= floor.stored_index, f"stored {stored}, expected {floor.stored_index} or more"
        return running


def _next(found: Found) -> str | None:
    """The release that the boot loader starts next."""
    return found.holds.get(str(found.boot.primary))


def _has_arrived(found: Found) -> bool:
    """Whether nothing more will happen: all is installed, or too many cuts fell into a trial."""
    confirmed = found.boot.slots[str(found.boot.primary)].good
    return confirmed and (_next(found) == SECOND or bool(found.memory.state.bad_releases))
