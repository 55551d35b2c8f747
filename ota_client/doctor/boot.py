"""The boot loader: its state can be read, it reads the same one, and there is a slot to fall back to."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from ota_client.bootcontrol import BootStatus
from ota_client.disk.storage import DiskStorage
from ota_client.doctor.finding import Code, Finding, error, note, warning
from ota_client.doctor.system import Setup
from ota_client.errors import OtaError


@runtime_checkable
class HasCanary(Protocol):
    """A boot control that can tell whether the boot loader reads the same state."""

    def canary(self, cmdline: str) -> bool:
        """Whether they agree, by the kernel's command line; False where the boot loader tells nothing.

        Raises:
            BootControlError: the boot loader has read another state.
        """


@runtime_checkable
class HasOrder(Protocol):
    """A boot control whose order of slots others can overrule, such as a ``default`` of systemd-boot."""

    def check_order(self) -> None:
        """Check that nothing does.

        Raises:
            ConfigError: something does.
        """


def examine_boot(setup: Setup) -> Iterator[Finding]:
    """Find what is wrong with the boot loader's side."""
    boot = setup.config.boot
    if "unsafe" in boot.control:
        what = f"the boot control {boot.control} does not survive a power cut at the wrong moment"
        yield warning(Code.BOOT_UNSAFE, what, "give the boot loader two copies of its environment")
    try:
        control = boot.open(DiskStorage(), tuple(setup.config.slots))
        status = control.status()
    except OtaError as e:
        yield error(Code.BOOT_STATE, str(e), "mend [boot], or provision the device")
        return
    yield from _status(setup, status)
    if isinstance(control, HasOrder):
        yield from _order(control)
    if isinstance(control, HasCanary):
        yield from _canary(setup, control)


def _status(setup: Setup, status: BootStatus) -> Iterator[Finding]:
    known, slots = set(setup.config.slots), status.slots
    if status.booted not in known or set(slots) != known:
        what = (
            f"the settings have slots {', '.join(sorted(known))}; the boot loader runs {status.booted} "
            f"and knows {', '.join(sorted(slots))}"
        )
        yield error(Code.BOOT_STATE, what, "name the same slots in [slots] and in the boot loader")
        return
    if status.primary is None:
        yield error(Code.BOOT_STATE, "no slot is bootable", "mark the running slot good")
    if not slots[status.booted].good:
        what = f"the running slot {status.booted} is on trial: no update is installed"
        yield note(Code.BOOT_TRIAL, what, "'ota-client mark-good', when it is well")
    elif not any(flags.bootable for name, flags in slots.items() if name != status.booted):
        what = "no other slot can be started: there is nothing to fall back to yet"
        yield note(
            Code.BOOT_NO_FALLBACK, what, "as it is until the first update, or ship both slots filled"
        )


def _order(control: HasOrder) -> Iterator[Finding]:
    try:
        control.check_order()
    except OtaError as e:
        yield error(Code.BOOT_ORDER, str(e), "take it out: the slots' entries must come first")


def _canary(setup: Setup, control: HasCanary) -> Iterator[Finding]:
    cmdline = (setup.system.proc / "cmdline").read_text(encoding="utf-8", errors="replace")
    try:
        told = control.canary(cmdline)
    except OtaError as e:
        way_out = "boot loader and settings must name the same place for the environment"
        yield error(Code.BOOT_CANARY, str(e), way_out)
        return
    if not told:
        what = "the boot loader does not tell which environment it has read"
        way_out = "use the boot script that comes with Ratchet, or compare the places by hand"
        yield note(Code.BOOT_CANARY_SILENT, what, way_out)
