"""A boot loader entry of type #1 (Boot Loader Specification), as Ratchet writes it.

Its first line names what to start. It begins with a blank, and systemd-boot sees the entry; or with
``#``, and there is none. So one byte of one sector shows or hides an entry. The length never changes, so
that FAT has nothing else to write.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from ota_client.errors import BootControlError

ENTRY_BYTES: Final = 2048
# before the entries of distributions, whose sort keys are their names, and before those without one
SORT_KEY: Final = "0-ratchet"
SHOWN: Final = b" "
HIDDEN: Final = b"#"
_LOADERS: Final = frozenset({"linux", "efi", "uki"})
_OURS: Final = frozenset({"sort-key", "version", "machine-id"})
_LINE: Final = re.compile(r"([a-z][a-z-]*)[ \t]+([ -~]*[!-~])[ \t]*", re.ASCII)
_ARGUMENTS: Final = re.compile(r"[ -~]*", re.ASCII)
_VERSION: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class EntryTemplate:
    """What the integrator says of every slot's entry.

    Attributes:
        loader: the line that names what to start, with ``{slot}``.
        lines: the others, but for the options.
        options: the kernel's arguments.
    """

    loader: str
    lines: tuple[str, ...]
    options: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a template of lines such as ``linux /{slot}/vmlinuz``.

        Raises:
            ValueError: it is not one that systemd-boot would start, or leaves no slot to fill in.
        """
        pairs = list(_pairs(text))
        loaders = [f"{key} {value}" for key, value in pairs if key in _LOADERS]
        if len(loaders) != 1:
            raise ValueError(f"expected one line of linux, efi or uki, got {len(loaders)}")
        if "{slot}" not in text:
            raise ValueError("expected {slot} in the path or the options, got one entry for all slots")
        ours = next((key for key, _ in pairs if key in _OURS), None)
        if ours:
            raise ValueError(f"expected to leave {ours} to Ratchet, got a line of it")
        others = (f"{k} {v}" for k, v in pairs if k not in _LOADERS and k != "options")
        return cls(loaders[0], tuple(others), " ".join(v for k, v in pairs if k == "options"))

    def fill(self, slot: str, version: int, arguments: str = "") -> "BootEntry":
        """The entry of a slot.

        Args:
            slot: the slot.
            version: the higher one is started.
            arguments: more for the kernel.

        Raises:
            BootControlError: the arguments are no words of ASCII, or there is no room for them.
        """
        if not _ARGUMENTS.fullmatch(arguments):
            raise BootControlError(
                f"kernel arguments: expected words of printable ASCII, got {ascii(arguments)[:80]}"
            )
        lines = [self.loader, f"sort-key {SORT_KEY}", f"version {version}", *self.lines]
        options = f"options {self.options}".strip() + f" ratchet.slot={slot}"
        text = "\n".join([*lines, options]).replace("{slot}", slot)
        entry = BootEntry(version, f"{text} {arguments}".strip())
        entry.pack(shown=False)
        return entry


@dataclass(frozen=True, slots=True)
class BootEntry:
    """One entry.

    Attributes:
        version: of entries that can be started, systemd-boot takes the one with the highest.
        text: its lines.
    """

    version: int
    text: str

    def pack(self, *, shown: bool) -> bytes:
        """The file's bytes.

        Args:
            shown: whether systemd-boot is to see it.

        Raises:
            BootControlError: it does not fit.
        """
        if len(self.text) > ENTRY_BYTES - 2:
            raise BootControlError(
                f"boot entry: expected at most {ENTRY_BYTES - 2} characters, got {len(self.text)}; "
                "shorten the options"
            )
        return ((SHOWN if shown else HIDDEN) + self.text.encode("ascii")).ljust(ENTRY_BYTES, b"\n")

    @classmethod
    def unpack(cls, data: bytes, slot: str) -> Self | None:
        """Read a slot's entry that ``pack`` made; None for anything else, such as one half written."""
        if len(data) != ENTRY_BYTES or not data.endswith(b"\n"):
            return None
        lines = data[1:].decode("latin-1").rstrip("\n").split("\n")
        version = lines[2].removeprefix("version ") if len(lines) > 2 else ""  # noqa: PLR2004 the third
        if not _VERSION.fullmatch(version) or lines[1] != f"sort-key {SORT_KEY}":
            return None
        key, *words = lines[-1].split(" ")
        if key != "options" or f"ratchet.slot={slot}" not in words:
            return None
        if not all(map(_LINE.fullmatch, lines)):
            return None
        entry = cls(int(version), "\n".join(lines))
        return entry if data in {entry.pack(shown=True), entry.pack(shown=False)} else None


def is_shown(data: bytes) -> bool:
    """Whether systemd-boot would see the entry, whoever wrote it: it has a line that names a program."""
    return any(key in _LOADERS for key, _ in read_pairs(data))


def read_pairs(data: bytes) -> Iterator[tuple[str, str]]:
    """The keys and values of a file, as systemd-boot reads it: leniently."""
    for line in re.split(r"[\r\n]", data.split(b"\0")[0].decode("latin-1")):
        key, _, value = line.strip(" \t").replace("\t", " ").partition(" ")
        if key and not key.startswith("#"):
            yield key, value.strip()


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.strip().split("\n"):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"expected lines of a key and a value in ASCII, got {line[:80]!r}")
        yield match[1], match[2]
