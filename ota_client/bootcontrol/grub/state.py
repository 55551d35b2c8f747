"""What GRUB is told of the slots, and how each transition changes it. Nothing here does I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ota_client.errors import BootControlError

TRIES: Final = 3
NO_TRIAL: Final = 0
# GRUB compares with a C long, which has 32 bits on a PC's BIOS
_SEQUENCE_MOST: Final = 2**31 - 1
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
# GRUB would look for files of such names, and puts a backslash before quotes
_MANGLED: Final = frozenset("\"'\\*?[]")


class Standing(StrEnum):
    """What GRUB may do with a slot."""

    TRIAL = "trial"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Entry:
    """One slot.

    Attributes:
        arguments: kernel arguments that GRUB adds when it starts the slot.
    """

    slot: str
    standing: Standing
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class GrubState:
    """Both slots, and which comes first.

    Attributes:
        sequence: counts the transitions.
        trial: the sequence number by which the first slot's trial began; GRUB counts its tries under it.
        first: the slot that GRUB prefers; the only one that may be on trial.
        second: the other one.
    """

    sequence: int
    trial: int
    first: Entry
    second: Entry

    @property
    def entries(self) -> tuple[Entry, Entry]:
        """Both slots, in order."""
        return self.first, self.second

    def activate(self, slot: str, arguments: str) -> "GrubState":
        """``slot`` comes first, on a trial of its own.

        Raises:
            BootControlError: GRUB cannot pass these arguments on.
        """
        check_arguments(arguments)
        _, other = self._apart(slot)
        if other.standing is Standing.TRIAL:
            # GRUB counts one trial's tries
            other = replace(other, standing=Standing.BAD)
        number = self.sequence + 1
        return GrubState(number, number, Entry(slot, Standing.TRIAL, arguments), other)

    def set_unbootable(self, slot: str) -> "GrubState":
        """``slot`` comes last, and is not started."""
        entry, other = self._apart(slot)
        return self._changed(other, replace(entry, standing=Standing.BAD))

    def mark_good(self, slot: str) -> "GrubState":
        """``slot`` is confirmed, where it stands."""
        first, second = (
            replace(entry, standing=Standing.GOOD) if entry.slot == slot else entry
            for entry in self.entries
        )
        return self._changed(first, second)

    def _changed(self, first: Entry, second: Entry) -> "GrubState":
        if (first, second) == self.entries:
            return self
        trial = self.trial if first.standing is Standing.TRIAL else NO_TRIAL
        return GrubState(self.sequence + 1, trial, first, second)

    def _apart(self, slot: str) -> tuple[Entry, Entry]:
        return (self.first, self.second) if self.first.slot == slot else (self.second, self.first)

    def to_variables(self) -> dict[str, str]:
        """Write it as the variables of GRUB."""
        variables = {"ratchet_sequence": str(self.sequence), "ratchet_trial": str(self.trial)}
        for place, entry in zip(("first", "second"), self.entries, strict=True):
            variables[f"ratchet_{place}"] = entry.slot
            variables[f"ratchet_{place}_state"] = entry.standing
            variables[f"ratchet_{place}_args"] = entry.arguments
        return variables

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> "GrubState":
        """Read it from the variables of GRUB.

        Raises:
            BootControlError: they are not what this class writes.
        """
        state = cls(
            sequence=_number(variables, "ratchet_sequence"),
            trial=_number(variables, "ratchet_trial"),
            first=_entry(variables, "first"),
            second=_entry(variables, "second"),
        )
        if state.second.standing is Standing.TRIAL or state.first.slot == state.second.slot:
            raise BootControlError(
                "GRUB environment: expected two slots, of which the first may be on trial, got "
                f"{state.first.slot!r} ({state.first.standing}) and "
                f"{state.second.slot!r} ({state.second.standing})"
            )
        return state


def check_arguments(arguments: str) -> None:
    """Refuse kernel arguments that GRUB would change.

    Raises:
        BootControlError: they hold what GRUB quotes or takes for file names.
    """
    if not arguments.isascii() or not arguments.isprintable() or _MANGLED & set(arguments):
        raise BootControlError(
            "kernel arguments: expected printable ASCII without quotes, backslashes, '*', '?' and "
            f"brackets, which GRUB would change, got {arguments[:80]!r}"
        )


def _number(variables: Mapping[str, str], name: str) -> int:
    text = variables.get(name, "")
    if not _NUMBER.fullmatch(text) or int(text) > _SEQUENCE_MOST:
        raise BootControlError(f"GRUB environment: {name}: expected a number, got {text[:80]!r}")
    return int(text)


def _entry(variables: Mapping[str, str], place: str) -> Entry:
    prefix = f"ratchet_{place}"
    slot, standing = variables.get(prefix, ""), variables.get(f"{prefix}_state", "")
    if standing not in set(Standing):
        expected = ", ".join(Standing)
        raise BootControlError(
            f"GRUB environment: {prefix}_state: expected one of {expected}, got {standing[:80]!r}"
        )
    return Entry(slot, Standing(standing), variables.get(f"{prefix}_args", ""))
