"""Boot control ``u-boot``: the variables of U-Boot's environment, each transition one write.

The environment is written natively; neither libubootenv nor fw_setenv is needed on the device.
"""

import logging
import os
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Self

from ota_client.bootcontrol.control import BootStatus
from ota_client.bootcontrol.uboot.conventions import (
    BootCount,
    Convention,
    ConventionName,
    Rauc,
    order,
)
from ota_client.bootcontrol.uboot.environment import Changes, Environment, FlagScheme, Variables
from ota_client.bootcontrol.uboot.locations import Location, parse_lines
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError, ConfigError, StorageError
from ota_client.formats.strict import Fields

_log = logging.getLogger(__name__)

CANARY: Final = "ratchet.env"
_ID: Final = "ratchet_id"
_LONGEST: Final = 64 * 1024
_TRIES_MOST: Final = 9  # one digit: hexadecimal and decimal are alike
_SLOT: Final = re.compile(r"[A-Za-z0-9_]{1,32}", re.ASCII)
# what U-Boot's shell, and its import of a value with a backslash, may read otherwise than it stands
_NOT_IN_ARGUMENTS: Final = frozenset("\\$'`;&|#<>")


@dataclass(frozen=True, slots=True)
class UBootSettings:
    """The settings of the ``u-boot`` boot control.

    Attributes:
        fw_env_config: where the environment lies, in the file that fw_printenv reads.
        environment: the same lines, in place of the file.
        flags: how the flags of the two copies are meant.
        convention: how tries are counted.
        tries: of a slot on trial.
        initial_environment: variables for a device on which no environment was saved yet.
    """

    copies: ClassVar[int] = 2

    fw_env_config: Path
    environment: tuple[str, ...]
    flags: FlagScheme
    convention: ConventionName
    tries: int
    initial_environment: Path | None

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:
        """Take these settings from the ``[boot]`` table."""
        return cls(
            fw_env_config=table.given("fw_env_config", path, Path("/etc/fw_env.config")),
            environment=table.given("environment", lambda name: table.texts(name, most=cls.copies), ()),
            flags=FlagScheme(_choice(table, "flags", *FlagScheme)),
            convention=ConventionName(_choice(table, "convention", *ConventionName)),
            tries=table.count("tries", 3, most=_TRIES_MOST),
            initial_environment=table.given("initial_environment", path, None),
        )

    def open(
        self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str]
    ) -> "UBootControl":
        """Make the boot control.

        Raises:
            ConfigError: it is not said where the environment lies, or U-Boot has no such slot names.
            StorageError: ``fw_env_config`` cannot be read.
        """
        for slot in slots:
            if not _SLOT.fullmatch(slot):
                raise ConfigError(
                    f"slot {slot!r}: expected a name that U-Boot's variables can have, such as A, of "
                    "letters, digits and '_'"
                )
        convention = Rauc if self.convention is ConventionName.RAUC else BootCount
        return UBootControl(
            Environment(storage, self._locations(storage), self.flags),
            convention(self.tries),
            slots,
            booted,
            lambda: self._initial(storage),
        )

    def _locations(self, storage: Storage) -> tuple[Location, ...]:
        if self.environment:
            return parse_lines(self.environment, "boot: environment", copies=self.copies)
        lines = _read_text(storage, self.fw_env_config).splitlines()
        return parse_lines(lines, str(self.fw_env_config), copies=self.copies)

    def _initial(self, storage: Storage) -> Variables:
        if self.initial_environment is None:
            raise ConfigError(
                "U-Boot's environment: expected a saved one to add to, got none; save it from U-Boot "
                "(saveenv), or name its variables by initial_environment"
            )
        lines = _read_text(storage, self.initial_environment).splitlines()
        return Variables(tuple(line.encode() for line in lines if line and line[0] != "#"))


class UnsafeSingleCopySettings(UBootSettings):
    """The settings of ``u-boot-unsafe-single-copy``: one copy, which a cut in a write destroys."""

    copies: ClassVar[int] = 1

    def open(
        self, storage: Storage, slots: tuple[str, ...], booted: Callable[[], str]
    ) -> "UBootControl":
        """Make the boot control."""
        _log.warning(
            "boot control u-boot-unsafe-single-copy: a power cut while the environment is written "
            "destroys it, and U-Boot starts with its defaults; give it a second copy"
        )
        return UBootSettings.open(self, storage, slots, booted)


class UBootControl:
    """Boot control over U-Boot's environment.

    Args:
        environment: holds the variables of all slots, so that a transition is one write.
        convention: how tries are counted.
        slots: the names of the device's slots.
        booted: tells the slot that is running.
        initial: the variables of a device on which no environment was saved.
    """

    def __init__(
        self,
        environment: Environment,
        convention: Convention,
        slots: tuple[str, ...],
        booted: Callable[[], str],
        initial: Callable[[], Variables],
    ) -> None:
        self._environment = environment
        self._convention = convention
        self._slots = slots
        self._booted = booted
        self._initial = initial

    def provision(self, booted: str) -> None:
        """Write the variables of a device that leaves the factory: what runs is good, nothing else."""
        found = self._environment.find()
        variables = self._initial() if found is None else found
        if variables.get(_ID) is not None:
            raise ConfigError(
                f"U-Boot's environment: expected no {_ID} yet, got one: the device was provisioned; "
                "remove that variable first"
            )
        changes = self._with_id(variables, self._convention.provisioned(self._slots, booted))
        if found is None:
            self._environment.create(variables.changed(changes))
        else:
            self._environment.change(lambda _: changes)

    def settle(self) -> None:
        """Renew the tries of confirmed slots, which RAUC's own script counts down at every start."""
        self._environment.change(lambda found: self._convention.settled(found, self._booted()))

    def status(self) -> BootStatus:
        """Read the variables."""
        variables = self._environment.read()
        views = {slot: self._convention.view(variables, slot) for slot in self._slots}
        starts = (slot for slot in order(variables) if slot in views and views[slot].bootable)
        return BootStatus(booted=self._booted(), primary=next(starts, None), slots=views)

    def set_unbootable(self, slot: str) -> None:
        """Never start ``slot``: it is about to be overwritten, or was found bad."""
        self._change(lambda found: self._convention.unbootable(found, self._known(slot)))

    def check_arguments(self, slot: str, arguments: str) -> None:  # noqa: ARG002 a protocol
        """Refuse kernel arguments that U-Boot's shell would change."""
        unfit = sorted(_NOT_IN_ARGUMENTS & set(arguments))
        if unfit or not (arguments.isascii() and (arguments.isprintable() or not arguments)):
            raise BootControlError(
                f"kernel arguments: expected none of {' '.join(sorted(_NOT_IN_ARGUMENTS))}, which "
                f"U-Boot's shell reads, got {arguments[:80]!r}"
            )

    def activate(self, slot: str, arguments: str = "") -> None:
        """Start ``slot`` next, on trial: unconfirmed, with all its tries."""
        self.check_arguments(slot, arguments)
        given = {f"BOOT_{self._known(slot)}_ARGS": arguments or None}
        self._change(lambda found: {**self._convention.activated(found, slot), **given})

    def mark_good(self, slot: str) -> None:
        """Confirm ``slot``: start it for as long as nothing else is activated."""
        self._change(lambda found: self._convention.confirmed(found, self._known(slot)))

    def canary(self, cmdline: str) -> bool:
        """Check that U-Boot has read the environment that is written here.

        Args:
            cmdline: the kernel's command line.

        Returns:
            False where the boot script does not tell, as RAUC's own.

        Raises:
            BootControlError: U-Boot has read another environment.
        """
        told = [word.partition("=")[2] for word in cmdline.split() if word.startswith(f"{CANARY}=")]
        if not told:
            return False
        expected = self._environment.read().get(_ID)
        if told[-1] != expected:
            raise BootControlError(
                f"U-Boot: expected it to read the environment with {_ID}={expected}, got one with "
                f"{told[-1][:80] or 'none'}; compare U-Boot's environment with the settings, and restart"
            )
        return True

    def _change(self, transition: Callable[[Variables], Changes]) -> None:
        self._environment.change(lambda found: self._with_id(found, transition(found)))

    def _with_id(self, variables: Variables, changes: Changes) -> Changes:
        # U-Boot's script hands it to the kernel: an environment that lies elsewhere has another one
        if variables.get(_ID) is not None:
            return changes
        made_of = b"\0".join((str(self._environment).encode(), *variables.entries))
        return {**changes, _ID: f"{zlib.crc32(made_of):08x}"}

    def _known(self, slot: str) -> str:
        if slot not in self._slots:
            raise BootControlError(f"expected slot {' or '.join(self._slots)}, got {slot}")
        return slot


def _choice(table: Fields, name: str, *choices: str) -> str:
    found = table.given(name, table.text, choices[0])
    return found if found in choices else table.fail(name, " or ".join(choices), found)


def _read_text(storage: Storage, path: Path) -> str:
    try:
        # a file of the firmware's settings: it may be a link
        with storage.open(os.path.realpath(path), writable=False) as file:
            return file.read_at(0, _LONGEST).decode()
    except StorageError as e:
        raise ConfigError(f"boot: expected a file to read, got {e}") from e
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path}: expected text, got no UTF-8") from e
