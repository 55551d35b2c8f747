"""The files of a new published tree: new ones written, unchanged ones linked."""

import hashlib
import os
from collections import defaultdict
from pathlib import Path

from tuf.api.metadata import TargetFile

from ota_client.metadata_checks import own_targets
from signing.errors import RepositoryFileError
from signing.publication.candidate import Candidate
from signing.repository import Repository
from signing.storage.files import write_new
from signing.storage.live_tree import place, place_folder
from signing.storage.published import PublishedState

# A device in the middle of an update may still ask for the versions that it was told of before.
VERSIONS_KEPT = 10


def place_metadata(tree: Path, candidate: Candidate, published: PublishedState | None) -> None:
    """All roots, and the newest versions of every other role."""
    folder = tree / "metadata"
    folder.mkdir()
    for name, data in candidate.files.items():
        write_new(folder / name, data)
    if published is not None:
        for path in _kept(published.tree / "metadata"):
            place(path, folder / path.name)


def _kept(folder: Path) -> list[Path]:
    by_role: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in folder.glob("*.*.json"):
        version, role = path.name.removesuffix(".json").split(".", 1)
        by_role[role][int(version)] = path
    kept = list(by_role.pop("root", {}).values())
    for versions in by_role.values():
        kept += [versions[version] for version in sorted(versions)[-VERSIONS_KEPT:]]
    return kept


def place_targets(
    repository: Repository, tree: Path, candidate: Candidate, published: PublishedState | None
) -> None:
    """The files of all releases and channels.

    Files of old releases are linked and not hashed again: their names carry their hashes, and nothing
    but ``ota-sign`` writes there. Staged files are hashed.

    Raises:
        RepositoryFileError: a file is missing, or is not what the signed metadata says.
    """
    (tree / "targets").mkdir()
    for product, targets in candidate.products.items():
        if product not in candidate.changed and published is not None:
            place_folder(published.tree / "targets" / product, tree / "targets" / product)
            continue
        made: set[str] = set()
        for path, file in own_targets(product, targets).items():
            folder, _, name = path.rpartition("/")
            if folder not in made:
                os.makedirs(f"{tree}/targets/{folder}")  # noqa: PTH103 (for each of thousands)
                made.add(folder)
            stored = f"targets/{folder}/{file.hashes['sha256']}.{name}"
            if published is None or not _link(f"{published.tree}/{stored}", f"{tree}/{stored}"):
                staged = repository.staged_dir / stored
                _check(staged, file)
                place(staged, tree / stored)
        if published is not None:
            _place_recent_channels(published.tree, tree, product)


def _place_recent_channels(old: Path, new: Path, product: str) -> None:
    """What channels offered until now; a release's own files last until it is retired."""
    by_channel: dict[str, list[Path]] = defaultdict(list)
    for path in (old / "targets" / product / "channels").glob("*"):
        by_channel[path.name.split(".", 1)[1]].append(path)
    for paths in by_channel.values():
        paths.sort(key=lambda path: path.stat().st_mtime_ns)
        for path in paths[-VERSIONS_KEPT:]:
            place(path, new / path.relative_to(old))


def _link(source: str, target: str) -> bool:
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _check(path: Path, file: TargetFile) -> None:
    try:
        with path.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        size_bytes = path.stat().st_size
    except OSError as e:
        raise RepositoryFileError(f"{path}: expected a staged file, got: {e.strerror}") from e
    if (size_bytes, sha256) != (file.length, file.hashes["sha256"]):
        raise RepositoryFileError(f"{path}: expected the file that was signed, got another")
