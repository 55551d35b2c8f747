"""A script of the device's own that speaks RAUC's protocol for custom boot loader backends.

The protocol knows a primary slot, and good and bad ones, but neither "confirmed" nor "on trial". These
are kept in a durable record here. Each call of the script must be one atomic and durable change.
https://rauc.readthedocs.io/en/latest/integration.html#custom
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, Self

from ota_client.bootcontrol.boot_id import read_boot_id
from ota_client.bootcontrol.control import BootStatus, SlotBoot
from ota_client.bootcontrol.custom.memory import TRIES_MOST, CustomMemory
from ota_client.disk.record import Record
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError, ConfigError
from ota_client.formats.strict import Fields

TRIES: Final = 3
DEADLINE_S: Final = 10
_DEADLINE_MOST_S: Final = 3600


class Script(Protocol):
    """Calls the script; ``BootScript`` does so for real."""

    def __call__(self, *words: str, may_fail: bool = False, **variables: str) -> str:
        """Run it with these arguments and additions to its environment; returns its answer.

        Args:
            words: the verb, and what goes with it.
            may_fail: whether another exit status than 0 is an answer too, an empty one.
            variables: additions to its environment.

        Raises:
            BootControlError: it failed, hung, or could not be run.
        """


@dataclass(frozen=True, slots=True)
class CustomSettings:
    """The settings of the ``custom`` boot control.

    Attributes:
        script: the program.
        record: what the script does not know; its two copies are ``<record>.0`` and ``<record>.1``.
        bootnames: by slot, its name to the script; by default the same.
        get_current: whether to ask the script which slot is running.
        passes_arguments: whether the script hands ``RATCHET_KERNEL_ARGUMENTS`` to the kernel.
        tries: how many boots of another slot a trial may cost.
        deadline_s: how long one call of the script may take.
    """

    script: Path
    record: Path
    bootnames: Mapping[str, str]
    get_current: bool
    passes_arguments: bool
    tries: int
    deadline_s: int

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:
        """Take these settings from the ``[boot]`` table."""
        names = table.given("bootnames", table.table, Fields({}, "bootnames", ConfigError))
        return cls(
            script=path("script"),
            record=path("record"),
            bootnames={slot: names.parsed(slot, _parse_bootname) for slot in names.names()},
            get_current=table.given("get_current", table.flag, default=False),
            passes_arguments=table.given("passes_arguments", table.flag, default=False),
            tries=table.count("tries", TRIES, most=TRIES_MOST),
            deadline_s=table.count("deadline_s", DEADLINE_S, most=_DEADLINE_MOST_S),
        )

    def running(self, storage: Storage) -> str | None:  # noqa: ARG002 a protocol
        """The slot that runs, by the script's ``get-current``, where it has one."""
        if not self.get_current:
            return None
        bootname = self._script()("get-current")
        return next((slot for slot, name in self.bootnames.items() if name == bootname), bootname)

    def open(
        self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str]
    ) -> "CustomBootControl":
        """Make the boot control."""
        return self.open_with(self._script(), storage, slots, booted)

    def open_with(
        self, script: Script, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str]
    ) -> "CustomBootControl":
        """Make the boot control over a script that is called in another way."""
        unknown = set(self.bootnames) - set(slots)
        if unknown:
            raise ConfigError(f"boot.bootnames: expected {', '.join(sorted(slots))}, got {min(unknown)}")
        bootnames = {slot: self.bootnames.get(slot, slot) for slot in slots}
        if len(set(bootnames.values())) != len(bootnames):
            raise ConfigError("boot.bootnames: expected another name for each slot, got one twice")
        return CustomBootControl(
            script,
            Record(storage, str(self.record), way_out="remove both and provision the device again"),
            bootnames,
            self,
            booted=booted,
            boot_id=lambda: read_boot_id(storage),
        )

    def _script(self) -> Script:
        # only a device with a script pays for loading subprocess
        from ota_client.bootcontrol.custom.script import BootScript  # noqa: PLC0415

        return BootScript(str(self.script), self.deadline_s, os.environ)


class CustomBootControl:
    """Boot control over a script, with what it does not know in a durable record.

    Args:
        script: calls it.
        record: holds the confirmed slots, and the trial.
        bootnames: by slot, its name to the script.
        settings: how many tries, and whether arguments are passed.
        booted: tells the slot that is running.
        boot_id: tells which boot this is.
    """

    def __init__(
        self,
        script: Script,
        record: Record,
        bootnames: Mapping[str, str],
        settings: CustomSettings,
        *,
        booted: Callable[[], str],
        boot_id: Callable[[], str],
    ) -> None:
        self._script = script
        self._record = record
        self._bootnames = bootnames
        self._settings = settings
        self._booted = booted
        self._boot_id = boot_id

    def provision(self, booted: str) -> None:
        """Tell the script that what runs is good and primary and nothing else is, then remember it."""
        if self._record.exists():
            raise ConfigError(f"{self._record.path}: expected no record yet, got one; remove it first")
        self._set_state(booted, "good")
        self._set_primary(booted)
        for slot in self._bootnames:
            if slot != booted:
                self._set_state(slot, "bad")
        self._save(CustomMemory(good=(booted,), boot_id=self._boot_id()))

    def settle(self) -> None:
        """Once a boot: confirm a confirmed slot anew, as RAUC's service does; count a trial's try."""
        memory, booted, boot_id = self._load(), self._booted(), self._boot_id()
        if memory.boot_id == boot_id:
            return
        if booted in memory.good:
            # boot loaders of RAUC's kind take a try at each boot, also from a confirmed slot
            self._set_state(booted, "good")
        if memory.waiting and memory.trial != booted:
            memory = memory.after_a_boot(goes_on=self._would_start(memory.trial, self._primary()))
            if not memory.waiting:
                self._refuse(memory.trial, memory)
        self._save(replace(memory, boot_id=boot_id))

    def status(self) -> BootStatus:
        """Read the boot state: the script's word, and the record's."""
        memory, primary = self._load(), self._primary()
        slots = {slot: self._slot(slot, memory, primary) for slot in self._bootnames}
        return BootStatus(booted=self._booted(), primary=primary, slots=slots)

    def set_unbootable(self, slot: str) -> None:
        """Never start ``slot``: it is about to be overwritten, or was found bad."""
        memory = self._load()
        self._refuse(slot, memory)
        self._save(memory.without(slot))

    def check_arguments(self, slot: str, arguments: str) -> None:  # noqa: ARG002 a protocol
        """Refuse kernel arguments where the script does not pass them."""
        if arguments and not self._settings.passes_arguments:
            raise BootControlError(
                "expected no kernel arguments, as this boot script is not known to pass them; have it "
                "hand RATCHET_KERNEL_ARGUMENTS to the kernel, then set boot.passes_arguments = true"
            )

    def activate(self, slot: str, arguments: str = "") -> None:
        """Start ``slot`` next, on trial; takes effect by the script's ``set-primary``."""
        self.check_arguments(slot, arguments)
        self._save(self._load().with_trial(slot, tries=self._settings.tries, boot_id=self._boot_id()))
        self._set_primary(slot, arguments)

    def mark_good(self, slot: str) -> None:
        """Confirm ``slot``: start it for as long as nothing else is activated."""
        memory = self._load()
        if slot not in memory.good:
            self._set_state(slot, "good")
            if self._primary() != slot:
                self._set_primary(slot)
        # last: until here the next start confirms it again
        self._save(memory.with_good(slot))

    def _slot(self, slot: str, memory: CustomMemory, primary: str | None) -> SlotBoot:
        would_start = self._would_start(slot, primary)
        good = slot in memory.good and would_start
        waits = memory.waiting and memory.trial == slot
        # some scripts arm a one-shot flag and tell of no change: until a restart the record's word holds
        armed = waits and memory.boot_id == self._boot_id()
        return SlotBoot(would_start or armed, good, memory.tries_left if waits else 0)

    def _would_start(self, slot: str, primary: str | None) -> bool:
        """Whether the script says that the boot loader starts the slot, now or if another one fails."""
        return primary == slot or self._state(slot) == "good"

    def _refuse(self, slot: str, memory: CustomMemory) -> None:
        """Tell the script to start another slot, then that this one is bad."""
        if self._primary() == slot:
            others = [other for other in memory.good if other != slot and self._state(other) == "good"]
            if not others:
                raise BootControlError(f"expected another confirmed slot than {slot} to start, got none")
            self._set_primary(others[0])
        self._set_state(slot, "bad")

    # the script's verbs

    def _primary(self) -> str | None:
        # scripts fail here while the running slot has used its last try and was not confirmed anew yet
        bootname = self._script("get-primary", may_fail=True)
        if not bootname:
            return None
        for slot, name in self._bootnames.items():
            if name == bootname:
                return slot
        raise BootControlError(
            f"boot script, get-primary: expected one of {', '.join(self._bootnames.values())}, got "
            f"{ascii(bootname)[:80]}"
        )

    def _state(self, slot: str) -> str:
        state = self._script("get-state", self._bootname(slot))
        if state not in {"good", "bad"}:
            raise BootControlError(
                f"boot script, get-state {slot}: expected good or bad, got {ascii(state)[:80]}"
            )
        return state

    def _set_primary(self, slot: str, arguments: str = "") -> None:
        if self._settings.passes_arguments:
            self._script("set-primary", self._bootname(slot), RATCHET_KERNEL_ARGUMENTS=arguments)
        else:
            self._script("set-primary", self._bootname(slot))

    def _set_state(self, slot: str, state: str) -> None:
        self._script("set-state", self._bootname(slot), state)

    def _bootname(self, slot: str) -> str:
        if slot not in self._bootnames:
            raise BootControlError(f"expected a slot of {', '.join(self._bootnames)}, got {slot}")
        return self._bootnames[slot]

    # the record

    def _load(self) -> CustomMemory:
        data = self._record.read()
        if data is None:
            raise BootControlError(
                f"{self._record.path}: expected a record, got none; provision the device first"
            )
        return CustomMemory.from_bytes(data)

    def _save(self, memory: CustomMemory) -> None:
        self._record.write(memory.to_bytes())


def _parse_bootname(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text or text.startswith("-") or not text:
        raise ValueError(f"expected a word of printable ASCII, got {text[:40]!r}")
    return text
