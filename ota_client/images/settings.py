"""The ``[file_systems]`` tables: which images are tar files, and what they are unpacked into."""

import re
from dataclasses import dataclass
from typing import Final, Self

from ota_client.formats.strict import Fields

PATH: Final = "{path}"
_KIND: Final = re.compile(r"[a-z0-9_]{1,32}", re.ASCII)
_COMMAND_WORDS_MOST: Final = 64


@dataclass(frozen=True, slots=True)
class FileSystemSettings:
    """One ``[file_systems.IMAGE]`` table: the image is a tar file, unpacked into a fresh file system.

    Attributes:
        make: the command that makes the file system; ``{path}`` stands for the slot's device.
        mount: the kind of the file system, as ``mount -t`` takes it.
        system_files: whether the tar may hold device nodes, set-uid files and links to anywhere.
    """

    make: tuple[str, ...]
    mount: str
    system_files: bool = False

    @classmethod
    def read(cls, table: Fields) -> Self:
        """Take the settings from the table.

        Raises:
            ConfigError: a setting is missing, unknown or wrong.
        """
        make = table.texts("make", most=_COMMAND_WORDS_MOST)
        if not make or not make[0] or not any(PATH in word for word in make[1:]):
            table.fail("make", f"a command with {PATH} among its words", make)
        mount = table.text("mount")
        if not _KIND.fullmatch(mount):
            table.fail("mount", "the kind of a file system, such as ext4", mount)
        system_files = table.given("system_files", table.flag, default=False)
        table.finish()
        return cls(make, mount, system_files)
