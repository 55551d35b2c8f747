"""A tar file, read entry by entry from a stream: strictly, and in little memory.

Python's ``tarfile`` reads an extended header of any size into memory, and takes a damaged header for the
end; so only its decoder of one header block is used (POSIX pax, "ustar interchange format"; GNU's long
names). What a device cannot keep is refused, not dropped: the release was signed with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from tarfile import (
    AREGTYPE,
    BLKTYPE,
    CHRTYPE,
    DIRTYPE,
    FIFOTYPE,
    GNUTYPE_LONGLINK,
    GNUTYPE_LONGNAME,
    LNKTYPE,
    REGTYPE,
    SYMTYPE,
    XGLTYPE,
    XHDTYPE,
    HeaderError,
    TarInfo,
)
from typing import Final

from ota_client.errors import PayloadError
from ota_client.formats.strict import INTEGER_MAX

_BLOCK_BYTES: Final = 512
_EXTENDED_MOST_BYTES: Final = 64 * 1024
_NAME_LONGEST: Final = 4095
_PART_LONGEST: Final = 255
_LONG_NAMES: Final = {GNUTYPE_LONGNAME: "path", GNUTYPE_LONGLINK: "linkpath"}
# of no use to a device: times but the last change, names of users, the packing machine's own numbers
_IGNORED: Final = frozenset(
    (
        *("atime", "ctime", "uname", "gname", "comment", "charset", "hdrcharset"),
        *("LIBARCHIVE.creationtime", "SCHILY.dev", "SCHILY.ino", "SCHILY.nlink"),
    )
)
_DEVICE_NUMBER_MOST: Final = 2**20 - 1
_OWNER_MOST: Final = 2**32 - 2
_TIME_MOST_S: Final = 2**40


class Kind(StrEnum):
    """What an entry is."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"
    CHARACTER_DEVICE = "character device"
    BLOCK_DEVICE = "block device"
    PIPE = "pipe"


_KINDS: Final = {
    REGTYPE: Kind.FILE,
    AREGTYPE: Kind.FILE,
    DIRTYPE: Kind.FOLDER,
    SYMTYPE: Kind.SYMLINK,
    LNKTYPE: Kind.HARDLINK,
    CHRTYPE: Kind.CHARACTER_DEVICE,
    BLKTYPE: Kind.BLOCK_DEVICE,
    FIFOTYPE: Kind.PIPE,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive.

    Attributes:
        name: relative, without ``.`` and ``..``; empty for the top folder itself (A27).
        mode: permission bits.
        modified_s: when it last changed, in seconds since 1970.
        target: of a symbolic link, as it stands there; of a hard link, another entry's name.
        device: major and minor number.
        size_bytes: of a file's content.
    """

    kind: Kind
    name: str
    mode: int
    uid: int
    gid: int
    modified_s: int
    target: str
    device: tuple[int, int]
    size_bytes: int

    @property
    def folder(self) -> str:
        """The name of the folder that it lies in."""
        return self.name.rpartition("/")[0]


class Archive:
    """Reads entries from pieces of bytes.

    Args:
        pieces: the archive in order, in pieces of any size.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")
        self._content_left = 0

    def entries(self) -> Iterator[Entry]:
        """The entries in order; ``content`` gives the bytes of the last one.

        Raises:
            PayloadError: it is no tar file, ends early, or has what a device cannot keep.
        """
        extended: dict[str, str] = {}
        while any(block := self._read(_BLOCK_BYTES)):
            header = _header(block)
            if header.type in _LONG_NAMES:
                text = self._body(header).rstrip(b"\0").decode(errors="surrogateescape")
                extended[_LONG_NAMES[header.type]] = text
            elif header.type == XHDTYPE:
                extended |= _records(self._body(header))
            elif header.type == XGLTYPE:
                _records(self._body(header), known=frozenset())
            else:
                entry = _entry(header, extended)
                extended = {}
                self._content_left = entry.size_bytes
                yield entry
                self._skip(entry.size_bytes)
        self._check_end()

    def content(self) -> Iterator[bytes]:
        """The content of the entry that was read last, in pieces."""
        while self._content_left:
            piece = self._next(self._content_left)
            self._content_left -= len(piece)
            yield piece

    def _skip(self, size_bytes: int) -> None:
        for _ in self.content():
            pass
        self._read(-size_bytes % _BLOCK_BYTES)

    def _body(self, header: TarInfo) -> bytes:
        if not 0 <= header.size <= _EXTENDED_MOST_BYTES:
            raise PayloadError(
                f"tar: expected an extended header of at most {_EXTENDED_MOST_BYTES} bytes, got "
                f"{header.size}"
            )
        body = self._read(header.size)
        self._read(-header.size % _BLOCK_BYTES)
        return body

    def _check_end(self) -> None:
        # nothing hides behind the end (C07)
        if any(self._piece) or any(any(piece) for piece in self._pieces):
            raise PayloadError("tar: expected zeros behind the end of the archive, got other bytes")

    def _read(self, size_bytes: int) -> bytes:
        found = bytearray()
        while len(found) < size_bytes:
            found += self._next(size_bytes - len(found))
        return bytes(found)

    def _next(self, most: int) -> bytes:
        while not self._piece:
            try:
                self._piece = memoryview(next(self._pieces))
            except StopIteration:
                raise PayloadError("tar: expected an end of two empty blocks, got none") from None
        piece, self._piece = self._piece[:most], self._piece[most:]
        return bytes(piece)


def _header(block: bytes) -> TarInfo:
    try:
        return TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except HeaderError as e:
        raise PayloadError(f"tar: expected a header, got {e}") from e


def _entry(header: TarInfo, extended: dict[str, str]) -> Entry:
    name = extended.get("path", header.name)
    if header.type not in _KINDS:
        raise PayloadError(f"tar: {name[:80]!r}: expected a {', '.join(Kind)}, got type {header.type!r}")
    kind, target = _KINDS[header.type], extended.get("linkpath", header.linkname)
    return Entry(
        kind=kind,
        name=_plain(name),
        mode=header.mode & 0o7777,
        uid=_number("uid", extended.get("uid", header.uid), _OWNER_MOST),
        gid=_number("gid", extended.get("gid", header.gid), _OWNER_MOST),
        modified_s=_number("mtime", extended.get("mtime", header.mtime), _TIME_MOST_S),
        target=_plain(target) if kind is Kind.HARDLINK else _symlink_target(target),
        device=(
            _number("devmajor", header.devmajor, _DEVICE_NUMBER_MOST),
            _number("devminor", header.devminor, _DEVICE_NUMBER_MOST),
        ),
        size_bytes=_number("size", extended.get("size", header.size), INTEGER_MAX)
        if kind is Kind.FILE
        else 0,
    )


def _symlink_target(target: str) -> str:
    if "\0" in target or len(target) > _NAME_LONGEST:
        raise PayloadError(
            f"tar: expected a link of at most {_NAME_LONGEST} characters without NUL, got "
            f"{target[:80]!r}"
        )
    return target


def _number(name: str, value: str | float, most: int) -> int:
    # a time may have a fraction
    text = str(value).partition(".")[0]
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else -1
    if not 0 <= number <= most:
        raise PayloadError(f"tar: expected 0 to {most} as {name}, got {text[:40]!r}")
    return number


def _plain(name: str) -> str:
    parts = [part for part in name.split("/") if part not in {"", "."}]
    longest = max((len(part.encode(errors="surrogateescape")) for part in parts), default=0)
    if (
        name.startswith("/")
        or ".." in parts
        or "\0" in name
        or longest > _PART_LONGEST
        or len(name) > _NAME_LONGEST
    ):
        raise PayloadError(
            f"tar: expected a relative name without '..', each part of at most {_PART_LONGEST} bytes, "
            f"got {name[:80]!r}"
        )
    return "/".join(parts)


_KNOWN: Final = frozenset(("path", "linkpath", "size", "uid", "gid", "mtime"))


def _records(body: bytes, *, known: frozenset[str] = _KNOWN) -> dict[str, str]:
    """The records of a pax header, each ``<length> <key>=<value>`` and a newline."""
    found = {}
    while body:
        digits, _, _ = body[:8].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        key, equals, value = body[len(digits) + 1 : max(length - 1, 0)].partition(b"=")
        if not equals or length > len(body) or body[length - 1 : length] != b"\n":
            raise PayloadError(f"tar: expected records in a pax header, got {body[:40]!r}")
        name = key.decode(errors="surrogateescape")
        if name in known:
            found[name] = value.decode(errors="surrogateescape")
        elif name not in _IGNORED:
            raise PayloadError(
                f"tar: expected no {name[:80]!r}: a device does not keep extended attributes and holes; "
                "use a raw image, or pack without them"
            )
        body = body[length:]
    return found
