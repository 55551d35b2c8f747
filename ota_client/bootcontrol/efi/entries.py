"""Which of the firmware's boot entries are the slots': by their numbers, or by their descriptions."""

from collections.abc import Mapping
from typing import Final

from ota_client.bootcontrol.efi.variables import EfiVariables, entry_name
from ota_client.errors import BootControlError

_DESCRIPTION: Final = "ratchet-"


class SlotEntries:
    """The slots' boot entries.

    Args:
        variables: the firmware's variables.
        configured: by slot, the entry's number; where empty, those described ``ratchet-SLOT`` are.
    """

    def __init__(self, variables: EfiVariables, configured: Mapping[str, int]) -> None:
        self._variables = variables
        self._configured = configured

    def numbers(self, slots: tuple[str, ...]) -> dict[str, int]:
        """Each slot's entry.

        Raises:
            BootControlError: there is none for a slot, or more than one.
        """
        if self._configured:
            return dict(self._configured)
        described = [(self._described(number), number) for number in self._variables.entries()]
        return {slot: _only(slot, [n for found, n in described if found == slot]) for slot in slots}

    def running(self) -> str:
        """The slot whose entry the firmware started.

        Raises:
            BootControlError: it started none of ours.
        """
        number = self._variables.number("BootCurrent")
        if number is None:
            raise BootControlError(
                "EFI variable BootCurrent: expected the entry that was started, got none; is efivarfs "
                "mounted?"
            )
        configured = {other: slot for slot, other in self._configured.items()}
        slot = configured.get(number) if configured else self._described(number)
        if slot is None:
            raise BootControlError(
                f"EFI variable BootCurrent: expected a slot's entry to run, got {entry_name(number)}"
            )
        return slot

    def _described(self, number: int) -> str | None:
        try:
            description = self._variables.entry(number).description
        except BootControlError:
            # the firmware's or another system's, which is not ours to judge
            return None
        ours = description.startswith(_DESCRIPTION)
        return description.removeprefix(_DESCRIPTION) if ours else None


def _only(slot: str, numbers: list[int]) -> int:
    if len(numbers) != 1:
        got = ", ".join(map(entry_name, numbers)) or "none"
        raise BootControlError(
            f"expected one boot entry described {_DESCRIPTION}{slot}, got {got}; mend that with "
            "efibootmgr, or name the entries in the settings"
        )
    return numbers[0]
