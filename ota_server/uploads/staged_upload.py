"""One upload under way: what it is made of, and what of it came."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import Final

from ota_client.formats.strict import canonical_json
from ota_server.errors import ConflictError, InvalidError, NotFoundError, PublishedFolderError
from ota_server.uploads.listing import LIST_MOST_BYTES, UploadFile, UploadList

_LIST: Final = "list.json"
_PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class Missing:
    """A file that the server wants.

    Attributes:
        offset: how much of it is here.
    """

    file: UploadFile
    offset: int

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        return {**self.file.to_fields(), "offset": self.offset}


@dataclass(frozen=True, slots=True)
class StagedUpload:
    """One upload under way.

    Attributes:
        files: the whole published state.
        wanted: those of them that were not published at its begin.
    """

    folder: Path
    files: UploadList
    wanted: tuple[UploadFile, ...]

    @property
    def wanted_bytes(self) -> int:
        """Of all contents that are to come or are here."""
        return sum({file.sha256: file.size_bytes for file in self.wanted}.values())

    @classmethod
    def read(cls, folder: Path) -> "StagedUpload | None":
        """What was begun here; None if nothing was."""
        try:
            with (folder / _LIST).open("rb") as file:
                whole, wanted = file.read(2 * LIST_MOST_BYTES).split(b"\n")
        except (OSError, ValueError):
            return None
        names = UploadList.parse(wanted).files if wanted else ()
        return cls(folder, UploadList.parse(whole), names)

    def write_list(self) -> None:
        """Remember what it is made of."""
        wanted = canonical_json({"files": [f.to_fields() for f in self.wanted]}) if self.wanted else b""
        fresh = self.folder / f"{_LIST}.new"
        fresh.write_bytes(self.files.to_bytes() + b"\n" + wanted)
        fresh.replace(self.folder / _LIST)

    def drop_others(self) -> None:
        """Remove what another list had named."""
        kept = {file.sha256 for file in self.wanted}
        for path in self.folder.iterdir():
            if path.name != _LIST and path.name.removesuffix(_PART) not in kept:
                path.unlink(missing_ok=True)

    def missing(self) -> tuple[Missing, ...]:
        """What is to come, each content once."""
        by_content = {file.sha256: file for file in self.wanted}
        found = (Missing(file, self._offset(file)) for file in by_content.values())
        return tuple(m for m in found if not self.path_of(m.file).exists())

    def path_of(self, file: UploadFile) -> Path:
        """Where a whole file lies."""
        return self.folder / file.sha256

    def staged(self) -> dict[str, Path]:
        """Where the files lie that are to be published, by name.

        Raises:
            ConflictError: not all of them are here.
        """
        missing = self.missing()
        if missing:
            raise ConflictError(
                f"expected all files, got {len(missing)} too few, such as {missing[0].file.name}"
            )
        return {file.name: self.path_of(file) for file in self.wanted}

    def append(self, sha256: str, offset: int, piece: bytes) -> int:
        """Write a piece of a file; what was written stays, also if the rest never comes.

        Returns:
            how much of the file is here now.

        Raises:
            NotFoundError: no file with this hash is wanted.
            ConflictError: another piece is expected, or somebody else sends one.
            InvalidError: it is longer than the file, or the whole is another than was listed (B11).
            PublishedFolderError: the disk failed.
        """
        file = next((f for f in self.wanted if f.sha256 == sha256), None)
        if file is None:
            raise NotFoundError("expected the sha256 of a file that is missing, got another")
        if self.path_of(file).exists():
            raise ConflictError(f"{file.name} is here as a whole")
        if offset + len(piece) > file.size_bytes:
            raise InvalidError(f"offset: expected {file.size_bytes} bytes at most, got more")
        with disk_errors(), _opened_alone(self._part(file), file.name) as opened:
            here = opened.seek(0, os.SEEK_END)
            if here != offset:
                raise ConflictError(f"expected the piece from offset {here}, got {offset}")
            opened.write(piece)
            opened.flush()
            if opened.tell() == file.size_bytes:
                self._finish(opened, file)
        return offset + len(piece)

    def _finish(self, opened: BufferedRandom, file: UploadFile) -> None:
        part = self._part(file)
        opened.seek(0)
        if hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:
            part.unlink()
            raise InvalidError(f"{file.name}: expected the content that was listed, got another")
        os.fsync(opened.fileno())
        part.rename(self.path_of(file))

    def _part(self, file: UploadFile) -> Path:
        return self.folder / f"{file.sha256}{_PART}"

    def _offset(self, file: UploadFile) -> int:
        try:
            return self._part(file).stat().st_size
        except FileNotFoundError:
            return 0


def reserved(folder: Path) -> int:
    """How many bytes an upload will have; what cannot be read counts as what is there."""
    upload = StagedUpload.read(folder)
    if upload is not None:
        return upload.wanted_bytes
    with suppress(OSError):
        return sum(path.stat().st_size for path in folder.iterdir())
    return 0


@contextmanager
def _opened_alone(path: Path, name: str) -> Iterator[BufferedRandom]:
    # what becomes public may be read by a web server of another account
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    with os.fdopen(fd, "r+b") as opened:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise ConflictError(f"{name} is being sent by somebody else") from e
        yield opened


@contextmanager
def disk_errors() -> Iterator[None]:
    """The disk's words as ours."""
    try:
        yield
    except OSError as e:
        raise PublishedFolderError(f"uploads cannot be kept: {e.strerror}") from e
