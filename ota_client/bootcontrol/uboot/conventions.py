"""What U-Boot's variables say of the slots, and how each transition changes them. No I/O.

``BOOT_ORDER`` has the slots to start, first choice first; ``ratchet_good`` those that are confirmed. How
tries are counted is the convention: RAUC's, or U-Boot's own bootcount.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from ota_client.bootcontrol.control import SlotBoot
from ota_client.bootcontrol.uboot.environment import Changes, Variables
from ota_client.errors import BootControlError

_ORDER: Final = "BOOT_ORDER"
_GOOD: Final = "ratchet_good"
_HEX: Final = re.compile(r"(?:0[xX])?[0-9a-fA-F]{1,8}", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class ConventionName(StrEnum):
    """The setting ``convention``."""

    RAUC = "rauc"
    BOOTCOUNT = "bootcount"


class Convention(Protocol):
    """How tries are counted."""

    def view(self, variables: Variables, slot: str) -> SlotBoot:
        """What U-Boot thinks of a slot."""

    def provisioned(self, slots: Iterable[str], booted: str) -> Changes:
        """Start ``booted``, which is good, and nothing else."""

    def settled(self, variables: Variables, booted: str) -> Changes:
        """Renew the tries of slots that are good, and forget the slot that has used its tries up."""

    def unbootable(self, variables: Variables, slot: str) -> Changes:
        """Never start ``slot``."""

    def activated(self, variables: Variables, slot: str) -> Changes:
        """Start ``slot`` next, on trial."""

    def confirmed(self, variables: Variables, slot: str) -> Changes:
        """Start ``slot`` for as long as nothing else is activated."""


def order(variables: Variables) -> tuple[str, ...]:
    """The slots to start, first choice first.

    Raises:
        BootControlError: there is no order.
    """
    slots = tuple((variables.get(_ORDER) or "").split())
    if not slots:
        raise BootControlError(
            f"U-Boot's environment: expected {_ORDER}, got none; provision the device first"
        )
    return slots


@dataclass(frozen=True, slots=True)
class Rauc:
    """RAUC's variables (contrib/uboot.sh): ``BOOT_x_LEFT`` tries of each slot, in hexadecimal.

    RAUC's script takes a try at every start, Ratchet's only from slots that are not in ``ratchet_good``.
    """

    tries: int

    def view(self, variables: Variables, slot: str) -> SlotBoot:
        """What U-Boot thinks of a slot."""
        good, left = slot in _good(variables), self._left(variables, slot)
        bootable = slot in order(variables) and (good or left > 0)
        return SlotBoot(bootable, good, 0 if good else left)

    def provisioned(self, slots: Iterable[str], booted: str) -> Changes:
        """Start ``booted``, which is good, and nothing else."""
        left = {_left_of(slot): self._digits(self.tries if slot == booted else 0) for slot in slots}
        return {_ORDER: booted, _GOOD: booted, **left}

    def settled(self, variables: Variables, booted: str) -> Changes:
        """Renew the tries of slots that are good, and forget the slot that has used its tries up."""
        starts, good = order(variables), _good(variables)
        renewed = {_left_of(slot): self._digits(self.tries) for slot in starts if slot in good}
        # RAUC's script renews all tries where none is left: it must not come upon a failed slot then
        kept = [slot for slot in starts if slot in {*good, booted} or self._left(variables, slot) > 0]
        return {**renewed, _ORDER: " ".join(kept or starts)}

    def unbootable(self, variables: Variables, slot: str) -> Changes:
        """Never start ``slot``."""
        return {**_without(variables, slot), _left_of(slot): self._digits(0)}

    def activated(self, variables: Variables, slot: str) -> Changes:
        """Start ``slot`` next, on trial."""
        return {**_first(variables, slot), _left_of(slot): self._digits(self.tries)}

    def confirmed(self, variables: Variables, slot: str) -> Changes:
        """Start ``slot`` for as long as nothing else is activated."""
        return {**_with_good(variables, slot), _left_of(slot): self._digits(self.tries)}

    def _left(self, variables: Variables, slot: str) -> int:
        text = variables.get(_left_of(slot))
        # RAUC's script takes a slot without tries for one that has them all
        return self.tries if text is None else int(_checked(_HEX, _left_of(slot), text), 16)

    def _digits(self, tries: int) -> str:
        return f"{tries:x}"


@dataclass(frozen=True, slots=True)
class BootCount:
    """U-Boot's own count (CONFIG_BOOTCOUNT_ENV), which runs ``altbootcmd`` above ``bootlimit``.

    U-Boot counts while ``upgrade_available`` is 1: then the first of ``BOOT_ORDER`` is on trial.
    ``bootcmd`` starts the first, ``altbootcmd`` the second.
    """

    tries: int

    def view(self, variables: Variables, slot: str) -> SlotBoot:
        """What U-Boot thinks of a slot."""
        good, starts = slot in _good(variables), order(variables)
        tried = not good and starts[:1] == (slot,) and self._counts(variables)
        left = self._left(variables) if tried else 0
        bootable = slot in starts and (left > 0 or not tried)
        return SlotBoot(bootable, good, left)

    def provisioned(self, slots: Iterable[str], booted: str) -> Changes:  # noqa: ARG002 a protocol
        """Start ``booted``, which is good, and nothing else."""
        return {_ORDER: booted, _GOOD: booted, **self._counting(on=False)}

    def settled(self, variables: Variables, booted: str) -> Changes:
        """Stop counting where no trial is left."""
        first, *_ = order(variables)
        if not self._counts(variables):
            return {}
        if first in _good(variables):
            return self._counting(on=False)
        if first != booted and self._left(variables) <= 0:
            return {**_without(variables, first), **self._counting(on=False)}
        return {}

    def unbootable(self, variables: Variables, slot: str) -> Changes:
        """Never start ``slot``."""
        stop = self._counting(on=False) if order(variables)[:1] == (slot,) else {}
        return {**_without(variables, slot), **stop}

    def activated(self, variables: Variables, slot: str) -> Changes:
        """Start ``slot`` next, on trial."""
        return {**_first(variables, slot), **self._counting(on=True)}

    def confirmed(self, variables: Variables, slot: str) -> Changes:
        """Start ``slot`` for as long as nothing else is activated."""
        # another slot may be waiting for its trial: then the count is that slot's
        stop = self._counting(on=False) if order(variables)[:1] == (slot,) else {}
        return {**_with_good(variables, slot), **stop}

    def _counting(self, *, on: bool) -> Changes:
        return {
            "upgrade_available": str(int(on)),
            "bootcount": "0",
            "bootlimit": str(self.tries),
        }

    def _counts(self, variables: Variables) -> bool:
        return self._number(variables, "upgrade_available") != 0

    def _left(self, variables: Variables) -> int:
        limit = self._number(variables, "bootlimit")
        # without a limit U-Boot tries for ever
        return max(0, limit - self._number(variables, "bootcount")) if limit else self.tries

    def _number(self, variables: Variables, name: str) -> int:
        return int(_checked(_DECIMAL, name, variables.get(name) or "0"))


def _good(variables: Variables) -> frozenset[str]:
    return frozenset((variables.get(_GOOD) or "").split())


def _left_of(slot: str) -> str:
    return f"BOOT_{slot}_LEFT"


def _checked(pattern: re.Pattern[str], name: str, text: str) -> str:
    if not pattern.fullmatch(text):
        raise BootControlError(f"U-Boot's {name}: expected a number, got {text[:80]!r}")
    return text


def _first(variables: Variables, slot: str) -> Changes:
    others = [other for other in order(variables) if other != slot]
    return {_ORDER: " ".join((slot, *others)), _GOOD: _joined(_good(variables) - {slot})}


def _without(variables: Variables, slot: str) -> Changes:
    kept = [other for other in order(variables) if other != slot]
    if not kept:
        # boot scripts take an empty order for all slots
        raise BootControlError(f"U-Boot's {_ORDER}: expected another slot than {slot}, got none")
    return {_ORDER: " ".join(kept), _GOOD: _joined(_good(variables) - {slot})}


def _with_good(variables: Variables, slot: str) -> Changes:
    starts = order(variables)
    kept = starts if slot in starts else (*starts, slot)
    return {_ORDER: " ".join(kept), _GOOD: _joined(_good(variables) | {slot})}


def _joined(slots: Iterable[str]) -> str | None:
    return " ".join(sorted(slots)) or None
