"""U-Boot's environment, as it lies on the medium: one copy or two, each with a checksum.

A copy is a CRC-32 of its data in the processor's byte order, a flag byte where there are two copies, and
the data: ``name=value``, each ended by NUL, and one NUL more (U-Boot: include/env_internal.h).
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from struct import Struct
from typing import Final, Self

from ota_client.bootcontrol.uboot.locations import Location
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError

_CRC: Final = Struct("=I")
_FLAG_AT: Final = _CRC.size
_FLAGS: Final = 256
_ACTIVE, _OBSOLETE, _ERASED = 1, 0, 255

Changes = Mapping[str, str | None]
"""New values by variable; None removes one."""


class FlagScheme(StrEnum):
    """How the flag bytes tell which of two valid copies counts."""

    INCREMENTAL = "incremental"
    BOOLEAN = "boolean"

    def newer(self, first: int, second: int) -> int:
        """Which copy counts, 0 or 1, by U-Boot's rules (env/common.c, env/flash.c)."""
        if self is FlagScheme.INCREMENTAL and {first, second} == {0, _FLAGS - 1}:
            return int(second == 0)  # the count went round
        if self is FlagScheme.BOOLEAN and first != second and _ERASED in {first, second}:
            return int(second == _ERASED)
        return int(second > first)

    def after(self, flag: int) -> int:
        """The flag of the copy that replaces one with ``flag``."""
        return (flag + 1) % _FLAGS if self is FlagScheme.INCREMENTAL else _ACTIVE


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables, in order; foreign ones keep every byte.

    Attributes:
        entries: each ``name=value``, as it stands in the environment.
    """

    entries: tuple[bytes, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Take the variables from a copy's data: up to the first empty one."""
        entries = data.split(b"\0")
        return cls(tuple(entries[: entries.index(b"")] if b"" in entries else entries))

    def get(self, name: str) -> str | None:
        """The value of a variable; None where there is none, or an empty one, as U-Boot has it.

        Raises:
            BootControlError: it is no printable ASCII.
        """
        values = [value for key, _, value in self._pairs() if key == name.encode()]
        if not values or not values[-1]:
            return None
        text = values[-1].decode("latin-1")
        if not (text.isascii() and text.isprintable()):
            raise BootControlError(f"U-Boot's {name}: expected printable ASCII, got {values[-1][:80]!r}")
        return text

    def changed(self, changes: Changes) -> "Variables":
        """The variables with other values; those that are new stand at the end."""
        left = {name.encode(): value for name, value in changes.items()}
        changing = set(left)
        entries = []
        for entry, (name, _, _) in zip(self.entries, self._pairs(), strict=True):
            if name not in changing:
                entries.append(entry)
            elif (value := left.pop(name, None)) is not None:
                entries.append(name + b"=" + value.encode())
        added = [name + b"=" + value.encode() for name, value in left.items() if value is not None]
        return Variables((*entries, *added))

    def to_bytes(self, size_bytes: int) -> bytes:
        """A copy's data of ``size_bytes``.

        Raises:
            BootControlError: they do not fit.
        """
        data = b"".join(entry + b"\0" for entry in self.entries) + b"\0"
        if len(data) > size_bytes:
            raise BootControlError(
                f"U-Boot's environment: expected at most {size_bytes} bytes of variables, got "
                f"{len(data)}; remove some of your own"
            )
        return data.ljust(size_bytes, b"\0")

    def _pairs(self) -> list[tuple[bytes, bytes, bytes]]:
        return [entry.partition(b"=") for entry in self.entries]


@dataclass(frozen=True, slots=True)
class _Copy:
    number: int
    raw: bytes
    flag: int
    variables: Variables


class Environment:
    """The environment on its medium. Each write replaces one copy as a whole, and then counts.

    Args:
        storage: the disk.
        locations: of its copies, one or two.
        scheme: how the flags of two copies are meant.
    """

    def __init__(self, storage: Storage, locations: tuple[Location, ...], scheme: FlagScheme) -> None:
        self._storage = storage
        self._locations = locations
        self._scheme = scheme
        self._data_at = _FLAG_AT + (len(locations) > 1)
        self._durable = b""  # the copy that this process has made durable

    def __str__(self) -> str:
        return " and ".join(str(location) for location in self._locations)

    def find(self) -> Variables | None:
        """The variables; None where no copy is valid: nobody has saved an environment yet."""
        copy = self._newest()
        return copy.variables if copy else None

    def read(self) -> Variables:
        """The variables.

        Raises:
            BootControlError: no copy is valid.
            StorageError: a copy cannot be read.
        """
        return self._some(self._newest()).variables

    def create(self, variables: Variables) -> None:
        """Write every copy, where none is valid."""
        for number in range(len(self._locations)):
            flag = _OBSOLETE if number and self._scheme is FlagScheme.BOOLEAN else _ACTIVE
            self._put(number, 0, self._pack(flag, variables))

    def change(self, transition: Callable[[Variables], Changes]) -> None:
        """Change variables; after a cut either all have changed or none. It is durable on return.

        Args:
            transition: tells from the variables what to change.

        Raises:
            BootControlError: no copy is valid, or the variables do not fit.
            StorageError: a copy cannot be read or written.
        """
        current = self._settled()
        variables = current.variables.changed(transition(current.variables))
        if variables == current.variables:
            return
        raw = self._pack(self._scheme.after(current.flag), variables)
        number = (current.number + 1) % len(self._locations)
        self._put(number, 0, raw)
        if number != current.number and self._scheme is FlagScheme.BOOLEAN:
            # two active copies: the first counts, whichever it is, until this write
            self._put(current.number, _FLAG_AT, bytes([_OBSOLETE]))
        self._durable = raw

    def _settled(self) -> _Copy:
        # An agent killed before its sync, or a sync that failed, leaves the newest copy in the page
        # cache alone, and the next write goes over the copy that is on the medium (D01, D08).
        current = self._some(self._newest())
        if current.raw != self._durable:
            # the other copy too: of two active ones it is the flag of that copy which decides
            for device in sorted({location.device for location in self._locations}):
                with self._storage.open(device, writable=True) as file:
                    file.sync()
            current = self._some(self._newest())
            self._durable = current.raw
        return current

    def _newest(self) -> _Copy | None:
        copies = [copy for number in range(len(self._locations)) if (copy := self._read(number))]
        if len(copies) == len(self._locations) > 1:
            return copies[self._scheme.newer(copies[0].flag, copies[1].flag)]
        return copies[0] if copies else None

    def _some(self, copy: _Copy | None) -> _Copy:
        if copy is not None:
            return copy
        raise BootControlError(
            f"U-Boot's environment: expected a copy with a right checksum at {self}, got none; save one "
            "from U-Boot (saveenv), or mend the settings"
        )

    def _read(self, number: int) -> _Copy | None:
        location = self._locations[number]
        with self._storage.open(location.device, writable=False) as file:
            raw = file.read_at(location.start(file.size_bytes), location.size_bytes)
        data = raw[self._data_at :]
        # a copy that the end of its device cuts off is as bad to U-Boot as one that is torn
        if len(raw) != location.size_bytes or _CRC.unpack_from(raw) != (zlib.crc32(data),):
            return None
        flag = raw[_FLAG_AT] if len(self._locations) > 1 else 0
        return _Copy(number, raw, flag, Variables.parse(data))

    def _pack(self, flag: int, variables: Variables) -> bytes:
        data = variables.to_bytes(self._locations[0].size_bytes - self._data_at)
        flags = bytes([flag]) if len(self._locations) > 1 else b""
        return _CRC.pack(zlib.crc32(data)) + flags + data

    def _put(self, number: int, at: int, data: bytes) -> None:
        location = self._locations[number]
        with self._storage.open(location.device, writable=True) as file:
            file.write_at(location.start(file.size_bytes) + at, data)
            file.sync()
