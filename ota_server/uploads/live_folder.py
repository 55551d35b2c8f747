"""A published folder behind a symbolic link, as ``ota-sign publish --to DIR`` makes it.

``published`` points into ``.published/``, to the newest of its numbered trees. A reader sees one tree
or the next; the tree before is kept for readers that are still in it.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ota_server.errors import ConflictError, NotPublishedError, PublishedFolderError
from ota_server.files.name import parts_of

_TREES_KEPT: Final = 2
# of every role but root: a device in the middle of an update asks for those that it was told of
_VERSIONS_KEPT: Final = 10
_VERSIONED: Final = re.compile(r"metadata/([0-9]+)\.([^/]+)\.json", re.ASCII)


class LiveFolder:
    """The link and its trees.

    Args:
        link: the published folder.
    """

    def __init__(self, link: Path) -> None:
        # in the folder that it stands in, whatever the working directory becomes
        self._link = link.absolute()
        self._folder = self._link.parent / f".{link.name}"

    def files(self) -> dict[str, Path]:
        """The files of the tree that is live now, by the name under which they are served.

        Raises:
            PublishedFolderError: they cannot be read.
        """
        found: dict[str, Path] = {}
        with _disk_errors():
            root = self._link.resolve()
            for folder, below, names in os.walk(root, onerror=_raise):
                below[:] = [name for name in below if not name.startswith(".")]
                for path in (Path(folder, name) for name in names):
                    name = path.relative_to(root).as_posix()
                    if _is_served(name) and path.is_file() and not path.is_symlink():
                        found[name] = path
        return found

    def replace(self, fresh: Mapping[str, Path], kept: frozenset[str]) -> None:
        """Make a new tree live by one rename.

        Args:
            fresh: the new files, by name.
            kept: the names that may stay of the tree before; old metadata stays for a while.

        Raises:
            ConflictError: the published folder is no link, and has files in it.
            PublishedFolderError: the disk failed; what was live still is.
        """
        with _disk_errors():
            self._check_link()
            before = self.files()
            tree = self._new_tree()
            try:
                old = kept | _recent_metadata({*before, *fresh})
                for name in old & before.keys() - fresh.keys():
                    _place(before[name], tree / name)
                for name, path in fresh.items():
                    _place(path, tree / name)
                for folder, _, _ in os.walk(tree):
                    _sync(Path(folder))
                self._swap(tree)
            finally:
                shutil.rmtree(tree, ignore_errors=True)

    def _check_link(self) -> None:
        link = self._link
        ours = link.is_symlink() and link.readlink().parts[:-1] in {
            (self._folder.name,),
            self._folder.parts,
        }
        if ours:
            return
        if link.is_symlink() or (link.exists() and (not link.is_dir() or any(link.iterdir()))):
            raise ConflictError(
                "the published folder is not one that `ota-sign publish` made: publish to a new name, "
                "and set `published` to it"
            )

    def _new_tree(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        for leftover in self._folder.glob("*.new"):
            leftover.unlink() if leftover.is_symlink() else shutil.rmtree(leftover)
        number = 1 + max((int(p.name) for p in self._folder.iterdir() if p.name.isdecimal()), default=0)
        tree = self._folder / f"{number}.new"
        tree.mkdir()
        return tree

    def _swap(self, filled: Path) -> None:
        tree = filled.with_suffix("")
        filled.rename(tree)
        _sync(self._folder)
        fresh = self._folder / "link.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path(self._folder.name) / tree.name)
        if self._link.is_dir() and not self._link.is_symlink():
            self._link.rmdir()
        fresh.replace(self._link)
        _sync(self._link.parent)
        for path in self._folder.iterdir():
            if path.name.isdecimal() and int(path.name) <= int(tree.name) - _TREES_KEPT:
                shutil.rmtree(path, ignore_errors=True)


def _recent_metadata(names: set[str]) -> frozenset[str]:
    by_role: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        if match := _VERSIONED.fullmatch(name):
            by_role.setdefault(match[2], []).append((int(match[1]), name))
    roots = by_role.pop("root", [])
    newest = (pair for found in by_role.values() for pair in sorted(found)[-_VERSIONS_KEPT:])
    return frozenset(name for _, name in (*roots, *newest))


def _is_served(name: str) -> bool:
    try:
        parts_of(name)
    except NotPublishedError:
        return False
    return True


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        # another file system, or one that knows no hard links
        shutil.copyfile(source, target)
        _sync(target)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise PublishedFolderError(f"the published folder cannot be replaced: {e.strerror}") from e
