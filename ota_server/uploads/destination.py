"""Where a verified upload becomes public: the folder, or the bucket. All of it, or nothing."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ota_server.catalog import METADATA_MOST_BYTES
from ota_server.errors import ConflictError, NotPublishedError
from ota_server.files.folder import PublishedFolder
from ota_server.files.name import parts_of
from ota_server.uploads.listing import UploadFile, UploadList
from ota_server.uploads.live_folder import LiveFolder

if TYPE_CHECKING:
    from ota_server.files.bucket import Bucket
    from ota_server.uploads.verification import Verified

_TIMESTAMP = "metadata/timestamp.json"


class Destination(Protocol):
    """The published files, and how they are replaced."""

    def read_small(self, name: str, most_bytes: int) -> bytes:
        """As ``ota_server.catalog.SmallFiles`` says."""

    def sizes(self) -> Mapping[str, int]:
        """The size of every published file, by name.

        Raises:
            PublishedFolderError: they cannot be read.
        """

    def publish(self, verified: "Verified") -> None:
        """Make an upload public; a device sees the state before, or all of the new one.

        Raises:
            ConflictError: something else was published since it was verified.
            PublishedFolderError: the disk or the bucket failed; what was public still is.
        """


class FolderDestination:
    """A folder that ``ota-sign publish --to DIR`` could have made.

    Args:
        path: the link, or an empty folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._live = LiveFolder(path)
        self._files = PublishedFolder(path)

    def read_small(self, name: str, most_bytes: int) -> bytes:
        """As ``Destination`` says."""
        if not self._path.exists():
            raise NotPublishedError("nothing is published yet")
        return self._files.read_small(name, most_bytes)

    def sizes(self) -> dict[str, int]:
        """As ``Destination`` says."""
        return {name: path.stat().st_size for name, path in self._live.files().items()}

    def publish(self, verified: "Verified") -> None:
        """Fill a new tree beside the live one, and swap it in by one rename."""
        state, before = verified.state, verified.before
        # a device in the middle of an update asks for what it was told of before
        kept = state.names | (before.names if before else frozenset())
        self._live.replace(verified.staged, kept)


class BucketDestination:
    """A bucket, in which only the timestamp is ever replaced (ADR 0020)."""

    def __init__(self, bucket: "Bucket") -> None:
        self._bucket = bucket

    def read_small(self, name: str, most_bytes: int) -> bytes:
        """As ``Destination`` says."""
        parts_of(name)
        return self._bucket.read_whole(name, most_bytes)

    def sizes(self) -> dict[str, int]:
        """As ``Destination`` says."""
        tops = ("metadata", "targets")
        return {found.name: found.size_bytes for top in tops for found in self._bucket.objects(top)}

    def publish(self, verified: "Verified") -> None:
        """Send what is named before what names it; the timestamp last, over the one that was seen."""
        from ota_server.files.upload import plan_staged, send  # noqa: PLC0415 - a folder needs none of it

        seen = verified.before.versions["timestamp"] if verified.before else 0
        plan = plan_staged(verified.staged, self._bucket, seen, verified.state.versions["timestamp"])
        send(plan, self._bucket, lambda *_: None)


def wanted(files: UploadList, destination: Destination) -> tuple[UploadFile, ...]:
    """Those of a list that are not published yet.

    Raises:
        ConflictError: another file is published under one of the names: two histories (A31).
        PublishedFolderError: what is published cannot be read.
    """
    sizes = destination.sizes()
    return tuple(file for file in files.files if not _is_there(file, sizes, destination))


def _is_there(file: UploadFile, sizes: Mapping[str, int], destination: Destination) -> bool:
    size_bytes = sizes.get(file.name)
    if size_bytes is None:
        return False
    if file.name.startswith("targets/"):
        # named by its hash: one of another size is damaged, and is mended
        return size_bytes == file.size_bytes
    with suppress(NotPublishedError):
        content = destination.read_small(file.name, METADATA_MOST_BYTES)
        if hashlib.sha256(content).hexdigest() == file.sha256:
            return True
        if file.name != _TIMESTAMP:
            raise ConflictError(
                f"{file.name} is another here than in your repository: it is of another repository, or "
                "of another copy of this one"
            )
    return False
