"""What became of the last update: decided at every start from the boot state and the memory.

A cut can fall between any two writes of an update; each later step is decided anew here, so that it is
redone and never skipped (D01, D14). Nothing here does I/O.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from ota_client.bootcontrol import BootStatus
from ota_client.state import DeviceState, SlotContent


class Phase(StrEnum):
    """Where in an update the device is."""

    IDLE = "idle"
    INSTALLED = "installed"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the device finds at its start.

    Attributes:
        phase: where in an update it is.
        state: the memory, brought up to date.
        running: what the running slot holds.
        fell_back_from: the release that did not come up, when that was just found out.
        raise_to: the stored rollback index that the running, confirmed slot calls for.
        retire: slots that hold, or may hold, a release below that index: they must never run again.
    """

    phase: Phase
    state: DeviceState
    running: SlotContent
    fell_back_from: SlotContent | None
    raise_to: int
    retire: tuple[str, ...]


def recover(
    state: DeviceState, boot: BootStatus, *, firmware: SlotContent, stored_index: int
) -> Recovery:
    """Decide what became of the last update.

    Args:
        state: the memory as it was last saved.
        boot: the boot loader's view.
        firmware: what the running image says of itself, for a slot that no update has written.
        stored_index: the stored rollback index.
    """
    running = state.slots.get(boot.booted)
    if running is None or not running.complete:
        running = firmware
        state = state.with_slot(boot.booted, firmware)
    if not boot.slots[boot.booted].good:
        trial = replace(state, trial=boot.booted)
        return Recovery(Phase.TRIAL, trial, running, None, stored_index, ())
    state, fell_back_from = _settle_trial(state, boot)
    raise_to = max(stored_index, running.rollback_index)
    phase = Phase.IDLE if state.trial is None else Phase.INSTALLED
    return Recovery(phase, state, running, fell_back_from, raise_to, _retired(state, boot, raise_to))


def _settle_trial(state: DeviceState, boot: BootStatus) -> tuple[DeviceState, SlotContent | None]:
    trial = state.trial
    if trial is None or trial == boot.booted or trial not in boot.slots:
        return replace(state, trial=None), None
    if boot.slots[trial].bootable:
        return state, None
    failed = state.slots.get(trial)
    state = replace(state, trial=None)
    return (state.with_bad_release(failed), failed) if failed else (state, None)


def _retired(state: DeviceState, boot: BootStatus, stored_index: int) -> tuple[str, ...]:
    return tuple(
        slot
        for slot, flags in boot.slots.items()
        if slot != boot.booted and flags.bootable and _index_of(state, slot) < stored_index
    )


def _index_of(state: DeviceState, slot: str) -> int:
    content = state.slots.get(slot)
    return content.rollback_index if content and content.complete else 0
