"""A file to upload: what it is, and the tag that a store gives it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ota_server.errors import PublishedFolderError
from ota_server.files.bucket import PART_BYTES
from ota_server.files.folder import PublishedFile

_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of a published folder.

    Attributes:
        name: as published.
        path: where it lies.
        size_bytes: exact.
        sha256: of its content.
        etag: as a store has it, unless it encrypts: the MD5, or the MD5 of the parts' MD5s and how many
            parts there are. It tells an upload that came through from one that did not; no more.
    """

    name: str
    path: Path
    size_bytes: int
    sha256: str
    etag: str

    def content(self) -> bytes:
        """The whole of a small file.

        Raises:
            PublishedFolderError: it cannot be read.
        """
        try:
            return self.path.read_bytes()
        except OSError as e:
            raise PublishedFolderError(f"{self.path} cannot be read: {e.strerror}") from e

    @classmethod
    def read(cls, name: str, path: Path, file: PublishedFile) -> Self:
        """Read the file once for both hashes.

        Raises:
            PublishedFolderError: the disk failed.
        """
        sha256, parts = hashlib.sha256(), []
        for start in range(0, max(1, file.size_bytes), PART_BYTES):
            part = hashlib.md5(usedforsecurity=False)
            stop = min(start + PART_BYTES, file.size_bytes)
            for at in range(start, stop, _READ_BYTES):
                piece = file.read_now(at, min(_READ_BYTES, stop - at))
                sha256.update(piece)
                part.update(piece)
            parts.append(part)
        return cls(name, path, file.size_bytes, sha256.hexdigest(), _etag([p.digest() for p in parts]))


def _etag(parts: list[bytes]) -> str:
    if len(parts) == 1:
        return parts[0].hex()
    return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"
