"""Where uploads wait: a folder for each publisher, with a file for each content, named by its hash.

What a client calls a file never becomes a path here (A27). What came is kept across restarts of the
server, so an upload goes on where it broke.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from ota_server.errors import NotFoundError, UploadFullError
from ota_server.uploads.listing import UploadFile, UploadList
from ota_server.uploads.staged_upload import StagedUpload, disk_errors, reserved

_LOCK: Final = "lock"
_OWNER_DIGITS: Final = 32
# left for all else on the disk: a full one would stop the fleet's database
_FREE_LEAST_BYTES: Final = 256 * 1024 * 1024


class Staging:
    """All uploads under way.

    Args:
        folder: made when it is first needed, for the server's account alone.
        most_bytes: of all uploads together.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self.folder = folder
        self._most_bytes = most_bytes

    def begin(self, owner: str, files: UploadList, wanted: tuple[UploadFile, ...]) -> StagedUpload:
        """Begin an upload, or go on with it; another one of the same owner is given up.

        Args:
            owner: who uploads, such as ``token:ci``.
            files: the whole published state.
            wanted: those of them that are not published yet.

        Raises:
            UploadFullError: it is more than the quota or the disk has room for.
            PublishedFolderError: the disk failed.
        """
        with self.locked():
            upload = StagedUpload(self._folder_of(owner), files, wanted)
            with disk_errors():
                upload.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._check_room(upload)
                upload.write_list()
                upload.drop_others()
            return upload

    def find(self, owner: str, upload_id: str) -> StagedUpload:
        """The upload under way of an owner.

        Raises:
            NotFoundError: there is none of this id: it was never begun, is done, or gave way to another.
        """
        folder = self._folder_of(owner)
        upload = StagedUpload.read(folder) if folder.is_dir() else None
        if upload is None or upload.files.id != upload_id:
            raise NotFoundError("expected an upload that is under way: begin it again")
        return upload

    def drop(self, upload: StagedUpload) -> None:
        """Throw an upload away, with all that came."""
        shutil.rmtree(upload.folder, ignore_errors=True)

    def drop_stale(self, before: datetime) -> int:
        """Throw away what nobody went on with.

        Returns:
            how many uploads.
        """
        stale = [folder for folder in self._folders() if _touched_s(folder) < before.timestamp()]
        for folder in stale:
            shutil.rmtree(folder, ignore_errors=True)
        return len(stale)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time changes which uploads there are, or what is published, in all processes."""
        with disk_errors():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            with disk_errors():
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _folder_of(self, owner: str) -> Path:
        return self.folder / hashlib.sha256(owner.encode()).hexdigest()[:_OWNER_DIGITS]

    def _folders(self) -> list[Path]:
        with suppress(OSError):
            return [path for path in self.folder.iterdir() if len(path.name) == _OWNER_DIGITS]
        return []

    def _check_room(self, upload: StagedUpload) -> None:
        others = (folder for folder in self._folders() if folder != upload.folder)
        taken = sum(reserved(folder) for folder in others) + upload.wanted_bytes
        if taken > self._most_bytes:
            raise UploadFullError(
                f"expected uploads of {self._most_bytes} bytes at most together ([uploads] most_bytes), "
                f"got {taken}"
            )
        to_come = sum(missing.file.size_bytes - missing.offset for missing in upload.missing())
        free = shutil.disk_usage(upload.folder).free - _FREE_LEAST_BYTES
        if to_come > free:
            raise UploadFullError(f"expected room for {to_come} bytes, got {max(0, free)}")


def _touched_s(folder: Path) -> float:
    with suppress(OSError):
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    return 0.0
