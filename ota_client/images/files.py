"""Files out of an archive, into a fresh folder that nobody else writes to; and what is there later."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from ota_client.errors import PayloadError
from ota_client.images.archive import Archive, Entry, Kind

_PIECE_BYTES: Final = 1024 * 1024
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# mkfs makes it in each ext file system; an archive of a whole one has it too
_LOST_AND_FOUND: Final = "lost+found"


@dataclass(frozen=True, slots=True)
class Rules:
    """What an archive may hold.

    Attributes:
        system: whether it is a whole system's: device nodes, set-uid files, links to anywhere. Without
            it, all that is refused, and symbolic links stay within the archive.
        files_most: how many entries.
        bytes_most: of all files' content; the size of the slot.
    """

    system: bool = False
    files_most: int = 500_000
    bytes_most: int = 2**53


@dataclass(slots=True)
class Tally:
    """A sum over files: the same for the same files, in whatever order they come.

    It finds what a medium lost, and needs no memory for each file; it is no signature.
    """

    files: int = 0
    total: int = 0

    def add(self, *facts: object) -> None:
        """Count one file by its facts."""
        self.files += 1
        digest = hashlib.sha256(repr(facts).encode(errors="surrogateescape")).digest()
        self.total = (self.total + int.from_bytes(digest, "big")) % 2**256


class Unpacking:
    """Unpacks one archive.

    No link is ever followed: an entry's folder must be an entry before it, and no name may come twice.

    Args:
        archive: where the files come from.
        folder: an empty folder, or the top of a fresh file system.
        rules: what may be in the archive.
    """

    def __init__(self, archive: Archive, folder: Path, rules: Rules) -> None:
        self._archive, self._folder, self._rules = archive, folder, rules
        self._as_root = os.geteuid() == 0

    def run(self) -> Tally:
        """Write all files; returns what ``tally_of`` must find later.

        Raises:
            PayloadError: the archive is malformed, or holds what the rules forbid.
            OSError: the disk failed, or is full.
        """
        tally = Tally()
        for entry in checked(self._archive, self._rules):
            path = self._folder / entry.name
            try:
                digest = self._make(entry, path)
            except (FileExistsError, FileNotFoundError) as e:
                _refuse(entry, "each name once, and links to files before them", e)
            self._own(entry, path)
            if entry.name:
                _count(tally, entry.name, os.lstat(path), digest or _detail(path))
        return tally

    def _make(self, entry: Entry, path: Path) -> str:
        match entry.kind:
            case Kind.FOLDER:
                path.mkdir(exist_ok=entry.name in {"", _LOST_AND_FOUND})
            case Kind.FILE:
                return self._write(path)
            case Kind.SYMLINK:
                path.symlink_to(entry.target)
            case Kind.HARDLINK:
                os.link(self._folder / entry.target, path, follow_symlinks=False)
            case _:
                os.mknod(path, _NODES[entry.kind], os.makedev(*entry.device))
        return ""

    def _write(self, path: Path) -> str:
        digest = hashlib.sha256()
        descriptor = os.open(path, _NEW_FILE, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(descriptor, "wb") as file:
            for piece in self._archive.content():
                digest.update(piece)
                file.write(piece)
        return digest.hexdigest()

    def _own(self, entry: Entry, path: Path) -> None:
        if entry.kind is Kind.HARDLINK:
            return
        if self._as_root:
            os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
        if entry.kind is Kind.SYMLINK:
            return
        # after chown, which takes the set-uid bit
        path.chmod(entry.mode)
        if entry.kind is Kind.FILE:
            # Python trusts a compiled file by the time of its source
            os.utime(path, (entry.modified_s, entry.modified_s))


_NODES: Final = {
    Kind.CHARACTER_DEVICE: stat.S_IFCHR,
    Kind.BLOCK_DEVICE: stat.S_IFBLK,
    Kind.PIPE: stat.S_IFIFO,
}


def checked(archive: Archive, rules: Rules) -> Iterator[Entry]:
    """The entries of an archive that keeps the rules; the caller takes each one's content.

    Raises:
        PayloadError: it does not.
    """
    folders = {""}
    count = size_bytes = 0
    for entry in archive.entries():
        count, size_bytes = count + 1, size_bytes + entry.size_bytes
        if count > rules.files_most or size_bytes > rules.bytes_most:
            raise PayloadError(
                f"tar: expected at most {rules.files_most} files and {rules.bytes_most} bytes, got more"
            )
        if entry.folder not in folders or (not entry.name and entry.kind is not Kind.FOLDER):
            _refuse(entry, "its folder to stand before it")
        if entry.kind is Kind.HARDLINK and entry.target.rpartition("/")[0] not in folders:
            _refuse(entry, "a link to a file before it")
        if not rules.system:
            _check_harmless(entry)
        if entry.kind is Kind.FOLDER and entry.name != _LOST_AND_FOUND:
            folders.add(entry.name)
        yield entry


def _check_harmless(entry: Entry) -> None:
    if entry.kind in _NODES:
        _refuse(entry, "no device or pipe")
    if entry.kind is not Kind.SYMLINK and entry.mode & (stat.S_ISUID | stat.S_ISGID):
        _refuse(entry, "no set-uid or set-gid file")
    if entry.kind is Kind.SYMLINK and _leads_out(entry):
        _refuse(entry, "a link within the archive")


def _leads_out(entry: Entry) -> bool:
    depth = len(entry.name.split("/")) - 1
    for part in entry.target.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return True
    return entry.target.startswith("/")


def _refuse(entry: Entry, expected: str, cause: OSError | None = None) -> NoReturn:
    raise PayloadError(
        f"tar: expected {expected}, got {entry.kind.value} {entry.name[:80]!r} of mode {entry.mode:o}"
    ) from cause


def tally_of(folder: Path, advance: Callable[[int], None]) -> Tally:
    """Count what lies in a folder, read from the medium; ``advance`` is told of each file's bytes.

    Raises:
        OSError: the medium cannot be read.
    """
    tally = Tally()
    left = [""]
    while left:
        inside = left.pop()
        with os.scandir(folder / inside) as found:
            for item in found:
                name = f"{inside}/{item.name}".lstrip("/")
                status = item.stat(follow_symlinks=False)
                if name == _LOST_AND_FOUND:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    left.append(name)
                _count(tally, name, status, _detail(folder / name))
                advance(status.st_size if stat.S_ISREG(status.st_mode) else 0)
    return tally


def _count(tally: Tally, name: str, status: os.stat_result, detail: str) -> None:
    if name != _LOST_AND_FOUND:
        tally.add(name, status.st_mode, status.st_uid, status.st_gid, status.st_rdev, detail)


def _detail(path: Path) -> str:
    """What a file holds, or where a link leads."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return str(path.readlink())
    if not stat.S_ISREG(mode):
        return ""
    digest = hashlib.sha256()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0) as file:  # noqa: PTH123 a descriptor
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
