"""Which slot is running: from a file, or from an argument that the boot loader gave the kernel."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ota_client.errors import BootControlError
from ota_client.formats.strict import Fields

_CMDLINE: Final = Path("/proc/cmdline")


@dataclass(frozen=True, slots=True)
class Booted:
    """Where to read which slot is running.

    Attributes:
        booted_file: a file that names the running slot; else the kernel's command line is read.
        cmdline_key: the kernel argument that names the running slot.
    """

    booted_file: Path | None = None
    cmdline_key: str = "ratchet.slot"

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:
        """Take these settings from the ``[boot]`` table."""
        return cls(
            booted_file=table.given("booted_file", path, None),
            cmdline_key=table.given("cmdline_key", table.text, "ratchet.slot"),
        )

    def slot(self) -> str:
        """The slot that is running.

        Raises:
            BootControlError: nothing tells it.
        """
        source = self.booted_file or _CMDLINE
        try:
            text = source.read_text(encoding="utf-8")
        except OSError as e:
            raise BootControlError(
                f"{source}: expected the running slot's name, got {e.strerror}"
            ) from e
        except UnicodeDecodeError as e:
            raise BootControlError(f"{source}: expected the running slot's name, got no UTF-8") from e
        if self.booted_file is not None:
            return text.strip()
        arguments = dict(word.split("=", 1) for word in text.split() if "=" in word)
        if self.cmdline_key not in arguments:
            raise BootControlError(
                f"{source}: expected the boot loader to pass {self.cmdline_key}=SLOT, got none"
            )
        return arguments[self.cmdline_key]
