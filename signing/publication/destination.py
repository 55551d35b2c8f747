"""Publishing to a second place: compare, bring, swap."""

from pathlib import Path
from typing import Protocol

from signing.errors import DestinationError, DestinationFileError
from signing.storage.live_tree import LiveTree, place_folder
from signing.storage.published import PublishedState


class Destination(Protocol):
    """Where else the published state goes."""

    def check(self, source: PublishedState) -> None:
        """Refuse what is ahead of us, or holds another history than ours (C11), before anything changes.

        Raises:
            DestinationError: it holds newer or unrelated metadata.
            ServerError: an update server refuses it, or does not answer.
        """

    def deploy(self, source: PublishedState) -> None:
        """Bring it to our published state, all at once.

        Raises:
            DestinationError: as in ``check``.
            DestinationFileError: a folder cannot be written.
            ServerError: an update server refuses it, or does not answer.
        """


class FolderDestination:
    """A folder, such as a web server's.

    Args:
        to: a link that this made before, a new name, or an empty folder.
    """

    def __init__(self, to: Path) -> None:
        self._to = to

    def check(self, source: PublishedState) -> None:
        """As ``Destination`` says."""
        to = self._to
        tree = LiveTree(to).current()
        if tree is None:
            return
        there = PublishedState(tree)
        for role, version in there.versions.items():
            ours = source.versions.get(role, 0)
            if version > ours:
                raise DestinationError(
                    f"{to}: expected version {ours} of {role} or older, got {version}; somebody "
                    "published there from another copy of this repository"
                )
        for path in sorted((tree / "metadata").glob("*.*.json")):
            own = source.tree / "metadata" / path.name
            # of roles but root we keep the newest versions only; all roots are there
            known = own.exists() or path.name.endswith(".root.json")
            if known and (not own.exists() or own.read_bytes() != path.read_bytes()):
                raise DestinationError(
                    f"{to}: expected our repository, got another {path.name}; it was published there "
                    "from another repository, or from another copy of this one"
                )

    def deploy(self, source: PublishedState) -> None:
        """Bring it to our published state by one swap."""
        self.check(source)
        try:
            live = LiveTree(self._to)
            before = live.current()
            with live.candidate() as tree:
                place_folder(source.tree, tree, before=before)
                live.swap(tree)
        except OSError as e:
            raise DestinationFileError(
                f"{self._to}: {e.strerror}; the repository's own `published` is up to date, but not "
                "this: mend it and run `publish --to` again"
            ) from e
