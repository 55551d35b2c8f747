"""One published tree: which version of each role it holds, and its files."""

from pathlib import Path

from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp

from signing.errors import RepositoryFileError, StaleStageError
from signing.storage import metadata
from signing.storage.metadata import S


class PublishedState:
    """The metadata of a published tree.

    Args:
        tree: holds ``metadata/`` and ``targets/``.
    """

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.timestamp: Metadata[Timestamp] = metadata.read(self._folder / "timestamp.json", Timestamp)
        snapshot_version = self.timestamp.signed.snapshot_meta.version
        self.snapshot: Metadata[Snapshot] = metadata.read(
            self._folder / f"{snapshot_version}.snapshot.json", Snapshot
        )
        self.root: Metadata[Root] = metadata.read(
            self._folder / f"{max(self.root_versions())}.root.json", Root
        )
        files = self.snapshot.signed.meta
        self.versions = {name.removesuffix(".json"): file.version for name, file in files.items()}
        self.versions |= {
            "root": self.root.signed.version,
            "snapshot": snapshot_version,
            "timestamp": self.timestamp.signed.version,
        }

    @property
    def _folder(self) -> Path:
        return self.tree / "metadata"

    def root_versions(self) -> list[int]:
        """All root versions since the first, in order."""
        found = sorted(int(path.name.split(".")[0]) for path in self._folder.glob("*.root.json"))
        if found != list(range(1, len(found) + 1)) or not found:
            raise RepositoryFileError(f"{self._folder}: expected root versions 1 to n, got {found}")
        return found

    def root_bytes(self, version: int) -> bytes:
        """The file of one root version."""
        return (self._folder / f"{version}.root.json").read_bytes()

    def raw(self, role: str) -> bytes:
        """The file of a role's current version."""
        name = f"{role}.json" if role == "timestamp" else f"{self.versions[role]}.{role}.json"
        return (self._folder / name).read_bytes()

    def role(self, role: str) -> Signed | None:
        """The content of a role of any kind; none if it is not published yet."""
        match role:
            case "root":
                return self.root.signed
            case "snapshot":
                return self.snapshot.signed
            case "timestamp":
                return self.timestamp.signed
            case _:
                found = self.load(role, Targets)
                return found.signed if found else None

    def load(self, role: str, kind: type[S]) -> Metadata[S] | None:
        """The metadata of a role; none if it is not published yet."""
        if role not in self.versions:
            return None
        return metadata.parse(self.raw(role), kind, f"published {role}")


def check_follows(published: PublishedState | None, role: str, version: int) -> None:
    """Refuse a staged role that was made for another state than the published one (C11).

    Raises:
        StaleStageError: its version is not the next one.
    """
    expected = 1 + (published.versions.get(role, 0) if published else 0)
    if version != expected:
        raise StaleStageError(
            f"{role}: expected version {expected} staged, as {expected - 1} is published, got "
            f"{version}; somebody else published: `discard` what is staged, then stage it again"
        )
