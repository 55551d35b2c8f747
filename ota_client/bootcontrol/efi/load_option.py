"""A boot entry of the firmware: EFI_LOAD_OPTION (UEFI specification, section 3.1.3)."""

import struct
from dataclasses import dataclass, replace
from typing import Final, Self

from ota_client.errors import BootControlError

_ACTIVE: Final = 1
_HEADER: Final = struct.Struct("<IH")
_NODE: Final = struct.Struct("<BBH")
_END_NODE: Final = (0x7F, 0xFF, 4)


@dataclass(frozen=True, slots=True)
class LoadOption:
    """A boot entry.

    Attributes:
        attributes: flags; see ``active``.
        description: its name in the firmware's menu.
        file_paths: the device path of the program, as it is.
        options: what the program gets, as it is.
    """

    attributes: int
    description: str
    file_paths: bytes
    options: bytes

    @property
    def active(self) -> bool:
        """Whether the firmware starts it of itself."""
        return bool(self.attributes & _ACTIVE)

    @property
    def activated(self) -> "LoadOption":
        """The same entry, such that the firmware starts it."""
        return replace(self, attributes=self.attributes | _ACTIVE)

    def with_arguments(self, arguments: str) -> "LoadOption":
        """The same entry with other options: the kernel's EFI stub takes UTF-16."""
        return replace(self, options=f"{arguments}\0".encode("utf-16-le"))

    def to_bytes(self) -> bytes:
        """The variable's content."""
        header = _HEADER.pack(self.attributes, len(self.file_paths))
        return header + f"{self.description}\0".encode("utf-16-le") + self.file_paths + self.options

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """Read an entry strictly.

        Args:
            content: the variable's content.
            name: of the variable, for errors.

        Raises:
            BootControlError: it is malformed.
        """
        try:
            attributes, length = _HEADER.unpack_from(content)
            end = next(
                at for at in range(_HEADER.size, len(content), 2) if content[at : at + 2] == b"\0\0"
            )
            description = content[_HEADER.size : end].decode("utf-16-le")
            file_paths = content[end + 2 : end + 2 + length]
            _check_paths(file_paths, length)
        except (ValueError, StopIteration, struct.error) as e:
            reason = str(e) or "a description without an end"
            raise BootControlError(f"EFI variable {name}: expected a boot entry, got {reason}") from e
        return cls(attributes, description, file_paths, content[end + 2 + length :])


def _check_paths(data: bytes, length: int) -> None:
    """Walk the device paths (section 10.3); there may be several, each with its end."""
    if len(data) != length:
        raise ValueError(f"{len(data)} bytes of device path in place of {length}")
    at, node = 0, (0, 0, 0)
    while at < length:
        node = _NODE.unpack_from(data, at)
        if node[2] < _NODE.size:
            raise ValueError(f"a device path node of {node[2]} bytes")
        at += node[2]
    if at != length or node != _END_NODE:
        raise ValueError("a device path without an end")
