"""A file system on a simulated disk: its files lie in the slot as one archive."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ota_client.disk.storage import Storage
from ota_client.errors import PayloadError, StorageError
from ota_client.images.archive import Archive
from ota_client.images.files import Rules, Unpacking

# as one flush of a kernel's cache, and few enough to be cut at each
_PIECE_BYTES: Final = 16 * 1024


class SimulatedFileSystem:
    """A file system whose every change reaches the simulated disk at the unmount.

    Args:
        storage: the disk.
    """

    system_files: Final = False

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def make(self, path: str) -> None:
        """Make an empty file system on the slot at ``path``; what was there is gone."""
        self._put(path, packed({}))

    @contextmanager
    def mounted(self, path: str, *, writable: bool) -> Iterator[Path]:
        """Lay the slot's files out in a folder; what was changed goes back afterwards."""
        with TemporaryDirectory() as name:
            folder = Path(name)
            with self._storage.open(path, writable=False) as file:
                content = file.read_at(0, file.size_bytes)
            try:
                Unpacking(Archive(iter([content])), folder, Rules()).run()
            except PayloadError as e:
                raise StorageError(f"{path}: expected a file system, got {e}") from e
            yield folder
            if writable:
                self._put(path, packed(_files(folder)))

    def _put(self, path: str, content: bytes) -> None:
        with self._storage.open(path, writable=True) as file:
            if len(content) > file.size_bytes:
                raise StorageError(f"{path}: No space left on device")
            whole = content.ljust(file.size_bytes, b"\0")
            for offset in range(0, len(whole), _PIECE_BYTES):
                piece = whole[offset : offset + _PIECE_BYTES]
                if file.read_at(offset, len(piece)) != piece:
                    file.write_at(offset, piece)
            file.sync()


def packed(files: dict[str, bytes]) -> bytes:
    """What the slot of a file system with these files holds; also a tar image of them.

    Args:
        files: by name; their folders follow from it.
    """
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(folders | set(files)):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if name in folders else tarfile.REGTYPE
            info.mode, info.size = 0o755, len(files.get(name, b""))
            archive.addfile(info, io.BytesIO(files.get(name, b"")))
    return buffer.getvalue()


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
