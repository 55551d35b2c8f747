"""Publishing to a second folder, such as a web server's: compare, copy, swap."""

from pathlib import Path

from signing.errors import DestinationError
from signing.storage.live_tree import LiveTree, place_folder
from signing.storage.published import PublishedState


def check_destination(source: PublishedState, to: Path) -> None:
    """Refuse a folder that is ahead of us, or that holds another history than ours (C11).

    Raises:
        DestinationError: it holds newer or unrelated metadata.
    """
    tree = LiveTree(to).current()
    if tree is None:
        return
    there = PublishedState(tree)
    for role, version in there.versions.items():
        ours = source.versions.get(role, 0)
        if version > ours:
            raise DestinationError(
                f"{to}: expected version {ours} of {role} or older, got {version}; somebody published "
                "there from another copy of this repository"
            )
    for path in sorted((tree / "metadata").glob("*.*.json")):
        own = source.tree / "metadata" / path.name
        # of roles but root we keep the newest versions only; all roots are there
        known = own.exists() or path.name.endswith(".root.json")
        if known and (not own.exists() or own.read_bytes() != path.read_bytes()):
            raise DestinationError(
                f"{to}: expected our repository, got another {path.name}; it was published there from "
                "another repository, or from another copy of this one"
            )


def deploy(source: PublishedState, to: Path) -> None:
    """Bring a folder to our published state by one swap; raises as ``check_destination``."""
    check_destination(source, to)
    live = LiveTree(to)
    before = live.current()
    with live.candidate() as tree:
        place_folder(source.tree, tree, before=before)
        live.swap(tree)
