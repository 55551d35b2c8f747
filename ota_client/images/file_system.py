"""Fresh file systems in slots: the port, and the kernel behind it."""

import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from ota_client.errors import StorageError
from ota_client.images.settings import PATH, FileSystemSettings

# mkfs on a slow card; an unmount writes all that is still in memory
_DEADLINE_S: Final = 3600


class FileSystem(Protocol):
    """Makes and opens the file system in a slot. Every method raises ``StorageError``."""

    @property
    def system_files(self) -> bool:
        """Whether device nodes, set-uid files and links to anywhere may be in it."""

    def make(self, path: str) -> None:
        """Make an empty file system on the slot at ``path``; what was there is gone."""

    def mounted(self, path: str, *, writable: bool) -> AbstractContextManager[Path]:
        """Mount it for a while at a place of its own."""


class KernelFileSystem:
    """A file system of the kernel's, made and mounted by the device's commands. Needs root.

    Args:
        settings: the commands.
        point: the folder to mount at; below the state directory, where nobody else looks.
    """

    def __init__(self, settings: FileSystemSettings, point: Path) -> None:
        self._settings, self._point = settings, point

    @property
    def system_files(self) -> bool:
        """Whether device nodes, set-uid files and links to anywhere may be in it."""
        return self._settings.system_files

    def make(self, path: str) -> None:
        """Make an empty file system on the slot at ``path``; what was there is gone."""
        self._leave()
        _run([word.replace(PATH, path) for word in self._settings.make])

    @contextmanager
    def mounted(self, path: str, *, writable: bool) -> Iterator[Path]:
        """Mount it for a while; nothing in it is run, and no device in it is opened."""
        self._leave()
        options = f"{'rw,noatime' if writable else 'ro'},nodev,nosuid,noexec"
        try:
            # busybox does not make a loop device by itself
            options += "" if stat.S_ISBLK(Path(path).stat().st_mode) else ",loop"
            self._point.mkdir(mode=0o700, exist_ok=True)
        except OSError as e:
            raise StorageError(f"{e.filename}: {e.strerror}") from e
        _run(["mount", "-t", self._settings.mount, "-o", options, path, str(self._point)])
        try:
            yield self._point
        except BaseException:
            with suppress(StorageError):
                self._leave()
            raise
        self._leave()

    def _leave(self) -> None:
        # also what an agent that was killed has left mounted
        if self._point.is_symlink():
            raise StorageError(f"{self._point}: expected a folder to mount at, got a link (D09)")
        if self._point.is_mount():
            _run(["umount", str(self._point)])


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 the integrator's own command, and no shell
            command, capture_output=True, timeout=_DEADLINE_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as e:
        raise StorageError(f"expected {command[0]} to end within {_DEADLINE_S} s, it did not") from e
    except OSError as e:
        raise StorageError(f"expected to run {command[0]}, got {e.strerror}") from e
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise StorageError(
            f"expected {command[0]} to end with 0, got {done.returncode}: {said[-1][:200]}"
        )
