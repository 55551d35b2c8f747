"""The firmware's own boot manager: BootOrder for confirmed slots, BootNext for each try of a trial.

The firmware removes BootNext before it starts what it names, and goes by BootOrder after that. So it
falls back by itself after one try, and a power cut at the wrong moment is such a try. The next ones are
counted in a variable of ours, and asked for by ``settle``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import Final, Self

from ota_client.bootcontrol.control import BootStatus, SlotBoot
from ota_client.bootcontrol.efi.entries import SlotEntries
from ota_client.bootcontrol.efi.variables import EfiVariables, entry_name
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError, ConfigError
from ota_client.formats.strict import Fields

TRIES: Final = 3
EFIVARS: Final = Path("/sys/firmware/efi/efivars")
TRIAL: Final = "RatchetTrial"
VENDOR: Final = "5b0a0d0c-7d6f-4a5e-9c53-2c1b5e0f7a11"
_TRIAL: Final = Struct("<HB")
_NUMBER: Final = re.compile(r"[0-9A-Fa-f]{4}", re.ASCII)
_ARGUMENTS: Final = re.compile(r"[ -~]{0,4096}", re.ASCII)


@dataclass(frozen=True, slots=True)
class EfiSettings:
    """The settings of the ``efi`` boot control.

    Attributes:
        efivars: where efivarfs is mounted.
        entries: by slot, the number of its boot entry; without it, the entry described ``ratchet-SLOT``.
        options: the kernel's arguments, with ``{slot}``; None leaves those of the entries alone.
    """

    efivars: Path = EFIVARS
    entries: Mapping[str, int] = field(default_factory=dict)
    options: str | None = None

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:
        """Take these settings from the ``[boot]`` table."""
        return cls(
            efivars=table.given("efivars", path, EFIVARS),
            entries=table.given("entries", lambda name: _numbers(table.table(name)), {}),
            options=table.given("options", lambda name: table.parsed(name, _options), None),
        )

    def running(self, storage: Storage) -> str:
        """The slot whose entry the firmware started.

        Raises:
            BootControlError: it started none of ours.
        """
        return SlotEntries(EfiVariables(storage, self.efivars), self.entries).running()

    def open(
        self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str]
    ) -> "EfiBootControl":
        """Make the boot control.

        Raises:
            ConfigError: the entries are not those of the slots.
        """
        if self.entries and set(self.entries) != set(slots):
            raise ConfigError(
                f"boot: entries: expected one for each of {', '.join(slots)}, got "
                f"{', '.join(self.entries)[:80]!r}"
            )
        return EfiBootControl(EfiVariables(storage, self.efivars), self, slots, booted)


@dataclass(frozen=True, slots=True)
class _State:
    """What the variables say.

    Attributes:
        numbers: by slot, its entry.
        order: BootOrder.
        next: BootNext.
        trial: the entry on trial.
        tries: how often it is still to be asked for.
    """

    numbers: Mapping[str, int]
    order: tuple[int, ...]
    next: int | None
    trial: int
    tries: int


class EfiBootControl:
    """Boot control of a device that starts by the firmware's boot manager.

    Args:
        variables: the firmware's variables.
        settings: which entries are the slots'.
        slots: the names of the device's slots.
        booted: tells the slot that is running.
    """

    def __init__(
        self,
        variables: EfiVariables,
        settings: EfiSettings,
        slots: tuple[str, ...],
        booted: Callable[[], str],
    ) -> None:
        self._variables = variables
        self._entries = SlotEntries(variables, settings.entries)
        self._options = settings.options
        self._slots = slots
        self._booted = booted

    def provision(self, booted: str) -> None:
        """Put the running slot first in BootOrder, and take the others out; what is not ours stays."""
        if self._variables.get(TRIAL, VENDOR) is not None:
            raise ConfigError(
                f"EFI variable {TRIAL}-{VENDOR}: expected none yet, got one; remove it first"
            )
        numbers = self._entries.numbers(self._slots)
        # it came up with the options that its entry has
        running = self._variables.entry(numbers[booted])
        self._variables.put(entry_name(numbers[booted]), running.activated.to_bytes())
        foreign = [n for n in self._variables.order() if n not in numbers.values()]
        self._put_order([numbers[booted], *foreign])
        if self._variables.number("BootNext") in numbers.values():
            self._variables.remove("BootNext")
        self._put_trial(numbers[booted], 0)

    def settle(self) -> None:
        """Ask for the next try of a trial, after the firmware fell back from one."""
        state = self._read()
        on_trial = state.trial == state.numbers.get(self._booted())
        if state.tries and state.next is None and not on_trial and state.trial not in state.order:
            # counted first: a cut between costs a try, and never gives one more
            self._put_trial(state.trial, state.tries - 1)
            self._put_next(state.trial)

    def status(self) -> BootStatus:
        """Read the boot state."""
        state = self._read()
        slots = {slot: _slot(state, number) for slot, number in state.numbers.items()}
        wanted = [n for n in (state.next, *state.order[:1]) if n is not None][:1]
        primary = next((slot for slot, number in state.numbers.items() if number in wanted), None)
        return BootStatus(booted=self._booted(), primary=primary, slots=slots)

    def set_unbootable(self, slot: str) -> None:
        """Never start ``slot``: it is about to be overwritten, or was found bad."""
        state = self._read()
        number = self._number(state, slot)
        if number == state.trial:
            self._put_trial(number, 0)
        if number == state.next:
            self._variables.remove("BootNext")
        self._put_order([other for other in state.order if other != number])

    def check_arguments(self, slot: str, arguments: str) -> None:  # noqa: ARG002 a protocol
        """Refuse kernel arguments that are no words, or that the entry has no place for."""
        if not _ARGUMENTS.fullmatch(arguments):
            raise BootControlError(
                f"kernel arguments: expected words of printable ASCII, got {ascii(arguments)[:80]}"
            )
        if self._options is None and arguments:
            raise BootControlError(
                "kernel arguments: expected boot.options in the settings to add them to, got none"
            )

    def activate(self, slot: str, arguments: str = "") -> None:
        """Start ``slot`` next, on trial: unconfirmed, with all its tries."""
        self.set_unbootable(slot)
        number = self._number(self._read(), slot)
        self._write_entry(number, slot, arguments)
        # From here on it is bootable: should BootNext not follow, settle asks for it.
        self._put_trial(number, TRIES - 1)
        self._put_next(number)

    def mark_good(self, slot: str) -> None:
        """Confirm ``slot``: start it for as long as nothing else is activated."""
        state = self._read()
        number = self._number(state, slot)
        self._put_order([number, *(other for other in state.order if other != number)])
        if number == state.trial:
            self._put_trial(number, 0)

    def _read(self) -> _State:
        data = self._variables.get(TRIAL, VENDOR)
        if data is None or len(data) != _TRIAL.size:
            raise BootControlError(
                f"EFI variable {TRIAL}-{VENDOR}: expected {_TRIAL.size} bytes, got "
                f"{'none' if data is None else len(data)}; provision the device"
            )
        trial, tries = _TRIAL.unpack(data)
        variables = self._variables
        return _State(
            self._entries.numbers(self._slots),
            variables.order(),
            variables.number("BootNext"),
            trial,
            tries,
        )

    def _number(self, state: _State, slot: str) -> int:
        if slot not in state.numbers:
            raise BootControlError(f"expected a slot of {', '.join(self._slots)}, got {slot}")
        return state.numbers[slot]

    def _write_entry(self, number: int, slot: str, arguments: str) -> None:
        self.check_arguments(slot, arguments)
        entry, options = self._variables.entry(number), self._options
        if options is not None:
            entry = entry.with_arguments(f"{options.replace('{slot}', slot)} {arguments}".strip())
        self._variables.put(entry_name(number), entry.activated.to_bytes())

    def _put_order(self, order: list[int]) -> None:
        if not order:
            # an empty variable is a removed one
            raise BootControlError("expected another boot entry to be left in BootOrder, got none")
        self._variables.put("BootOrder", b"".join(number.to_bytes(2, "little") for number in order))

    def _put_next(self, number: int) -> None:
        self._variables.put("BootNext", number.to_bytes(2, "little"))

    def _put_trial(self, number: int, tries: int) -> None:
        self._variables.put(TRIAL, _TRIAL.pack(number, tries), VENDOR)


def _slot(state: _State, number: int) -> SlotBoot:
    good = number in state.order
    waits = (state.tries if number == state.trial else 0) + (number == state.next)
    return SlotBoot(bootable=good or waits > 0, good=good, tries_left=0 if good else waits)


def _numbers(table: Fields) -> dict[str, int]:
    return {slot: table.parsed(slot, _parse_number) for slot in table.names()}


def _parse_number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"expected four hexadecimal digits such as 0001, got {text[:80]!r}")
    return int(text, 16)


def _options(text: str) -> str:
    if not _ARGUMENTS.fullmatch(text) or "{slot}" not in text:
        raise ValueError("expected words of printable ASCII with {slot} among them, got others")
    return text
