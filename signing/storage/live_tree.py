"""A folder behind a symbolic link: what is published changes at once, or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from signing.errors import DestinationError
from signing.storage.files import sync_folder

_TREES_KEPT: Final = 2
_SHA256_DIGITS: Final = 64


class LiveTree:
    """``link`` points into ``.link/``, to the newest of its numbered trees.

    A reader opens files through the link and sees one tree or the next; the tree before is kept for
    readers that are still in it. Files that did not change are hard links, so a tree costs little.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self._folder = link.parent / f".{link.name}"

    def current(self) -> Path | None:
        """The tree that is live now; none before the first.

        Raises:
            DestinationError: the link is a folder with files in it, or some other file.
        """
        if self.link.is_symlink():
            tree = self._folder / self.link.readlink().name
            if self.link.resolve() != tree.resolve() or not tree.is_dir():
                raise DestinationError(f"{self.link}: expected a link into {self._folder}, got another")
            return tree
        if self.link.exists() and (not self.link.is_dir() or any(self.link.iterdir())):
            raise DestinationError(
                f"{self.link}: expected a link that ota-sign made, a new name or an empty folder, got "
                "other files; publish to a new name"
            )
        return None

    @contextmanager
    def candidate(self) -> Iterator[Path]:
        """A new tree to fill; it goes away again unless ``swap`` takes it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for leftover in self._folder.glob("*.new"):
            leftover.unlink() if leftover.is_symlink() else shutil.rmtree(leftover)
        number = 1 + max((int(p.name) for p in self._folder.iterdir() if p.name.isdecimal()), default=0)
        tree = self._folder / f"{number}.new"
        tree.mkdir()
        try:
            yield tree
        finally:
            shutil.rmtree(tree, ignore_errors=True)

    def swap(self, candidate: Path) -> None:
        """Make a candidate live by one rename."""
        for folder in (candidate / "metadata", candidate):
            sync_folder(folder)
        tree = candidate.with_suffix("")
        candidate.rename(tree)
        sync_folder(self._folder)
        fresh = self._folder / "link.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path(self._folder.name) / tree.name)
        if self.link.is_dir() and not self.link.is_symlink():
            self.link.rmdir()
        fresh.replace(self.link)
        sync_folder(self.link.parent)
        self._prune(int(tree.name))

    def _prune(self, newest: int) -> None:
        for path in self._folder.iterdir():
            if path.name.isdecimal() and int(path.name) <= newest - _TREES_KEPT:
                shutil.rmtree(path)


def place(source: str | Path, target: str | Path) -> None:
    """Put a file into a tree: a hard link, or a copy from another file system."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        # another file system, or one that knows no hard links
        shutil.copyfile(source, target)
        with open(target, "rb") as file:  # noqa: PTH123 (called for each of many files)
            os.fsync(file.fileno())


def place_folder(source: Path, target: Path, *, before: Path | None = None) -> None:
    """Put all files of a folder, and of those below it, into a tree.

    Args:
        source: the folder.
        target: the tree, or a folder in it.
        before: an older tree on the target's file system: what is there already is linked.
    """
    for folder, _, names in os.walk(source):
        relative = Path(folder).relative_to(source)
        below = target / relative
        below.mkdir(parents=True, exist_ok=True)
        for name in names:
            path = Path(folder, name)
            old = before / relative / name if before else None
            place(old if old and _is_same(old, path) else path, below / name)


def _is_same(old: Path, new: Path) -> bool:
    if not old.is_file() or old.stat().st_size != new.stat().st_size:
        return False
    # files below targets/ are named by their hash; metadata is small
    return len(old.name.split(".")[0]) == _SHA256_DIGITS or old.read_bytes() == new.read_bytes()
