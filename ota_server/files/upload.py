"""From a published folder into a bucket, in an order in which every state of the bucket is sound.

What is named comes before what names it: targets, then roots, then other metadata, then, when all of it
is seen to be there, ``timestamp.json``. Cut anywhere, the bucket still serves what it served; run again,
only what is missing is sent.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ota_server.errors import ConflictError, InvalidError, NotPublishedError, PublishedFolderError
from ota_server.files.bucket import Bucket, BucketObject
from ota_server.files.completeness import check_complete, timestamp_version
from ota_server.files.folder import PublishedFile, PublishedFolder
from ota_server.files.local_file import LocalFile
from ota_server.files.name import parts_of, sha256_in

_TIMESTAMP: Final = "metadata/timestamp.json"
_ROOT: Final = re.compile(r"metadata/[0-9]+\.root\.json", re.ASCII)
_SMALL_MOST_BYTES: Final = 1024 * 1024

Progress = Callable[["LocalFile", int, int], None]


@dataclass(frozen=True, slots=True)
class Upload:
    """What an upload sends, in order.

    Attributes:
        files: what is not in the bucket, or is another there; the timestamp last.
        kept: how many files are there already.
        timestamp: what is in the bucket under this name.
        timestamp_version: of the folder.
    """

    files: tuple[LocalFile, ...]
    kept: int
    timestamp: BucketObject | None
    timestamp_version: int

    @property
    def size_bytes(self) -> int:
        """Of all files to send."""
        return sum(file.size_bytes for file in self.files)


def plan(published: Path, bucket: Bucket, *, force: bool) -> Upload:
    """Compare a published folder with a bucket; nothing is changed.

    Args:
        published: the folder, or the link that a publisher swaps: it is followed once.
        bucket: where to.
        force: replace what should not be another in the bucket.

    Raises:
        InvalidError: the folder is not whole, or a file is not what its name says.
        ConflictError: the bucket is ahead of the folder, or of another repository.
        PublishedFolderError: the folder or the bucket cannot be read.
    """
    root = published.resolve()
    folder = PublishedFolder(root)
    version = check_complete(folder)
    there = {found.name: found for top in ("targets", "metadata") for found in bucket.objects(top)}
    if not force:
        _check_not_ahead(bucket, there, version)
    files = list(_files(root, folder))
    send = [file for file in files if not _is_there(file, there, bucket, force=force)]
    send.sort(key=_order)
    return Upload(tuple(send), len(files) - len(send), there.get(_TIMESTAMP), version)


def plan_staged(
    staged: Mapping[str, Path], bucket: Bucket, seen_version: int, new_version: int
) -> Upload:
    """What sends the files of a verified upload.

    Args:
        staged: where they lie, by name.
        bucket: where to.
        seen_version: of the timestamp that was published when they were verified; 0 for none.
        new_version: of their own.

    Raises:
        ConflictError: another timestamp is in the bucket by now.
        PublishedFolderError: the disk or the bucket failed.
    """
    found = {one.name: one for one in bucket.objects("metadata")}.get(_TIMESTAMP)
    there = bucket.read_whole(_TIMESTAMP, _SMALL_MOST_BYTES) if found else b""
    if timestamp_version(there) != seen_version:
        raise ConflictError(f"{_TIMESTAMP} in the bucket was replaced by someone else meanwhile")
    files = sorted((_staged_file(name, path) for name, path in staged.items()), key=_order)
    return Upload(tuple(files), 0, found, new_version)


def _staged_file(name: str, path: Path) -> LocalFile:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        status = os.fstat(fd)
    except OSError as e:
        raise PublishedFolderError(f"{name} cannot be read: {e.strerror}") from e
    with PublishedFile(status.st_size, status.st_mtime, "", fd) as file:
        return LocalFile.read(name, path, file)


def send(upload: Upload, bucket: Bucket, progress: Progress) -> None:
    """Send what was planned.

    Args:
        upload: the plan.
        bucket: where to.
        progress: told after each file, with how many files and bytes are done.

    Raises:
        ConflictError: someone else has replaced the timestamp meanwhile.
        PublishedFolderError: the bucket failed; what was sent stays, and is not sent again.
    """
    done_bytes = 0
    for number, file in enumerate(upload.files, 1):
        if file.name == _TIMESTAMP:
            _check_sent(upload, bucket)
            bucket.replace(file.name, file.content(), upload.timestamp)
        else:
            _put(file, bucket)
        done_bytes += file.size_bytes
        progress(file, number, done_bytes)


def _put(file: LocalFile, bucket: Bucket) -> None:
    try:
        bucket.put(file.name, file.path)
    except NotPublishedError as e:
        raise PublishedFolderError(f"{file.path} is gone: run it again with the new folder") from e


def _files(root: Path, folder: PublishedFolder) -> Iterator[LocalFile]:
    """What the server would serve from the folder; links and half-written files are not among it."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        try:
            parts_of(name)
            with folder.open_file(name) as file:
                local = LocalFile.read(name, path, file)
        except NotPublishedError:
            continue
        if sha256_in(name) not in {None, local.sha256}:
            raise InvalidError(f"{name}: its content has another sha256 than its name: publish again")
        yield local


def _check_not_ahead(bucket: Bucket, there: Mapping[str, BucketObject], version: int) -> None:
    """A device that has seen the newer timestamp would take the older one for an attack (A06)."""
    if _TIMESTAMP not in there:
        return
    newest = timestamp_version(bucket.read_whole(_TIMESTAMP, _SMALL_MOST_BYTES))
    if newest > version:
        raise ConflictError(
            f"the bucket has timestamp {newest} and the folder {version}, which devices would refuse: "
            f"upload the newer folder (--force replaces it all the same)"
        )


def _is_there(
    file: LocalFile, there: Mapping[str, BucketObject], bucket: Bucket, *, force: bool
) -> bool:
    found = there.get(file.name)
    if found is None:
        return False
    if _is_same(file, found, bucket):
        return True
    # What is named by its hash is mended; under any other name, two contents are two histories (A31).
    if force or file.name == _TIMESTAMP or sha256_in(file.name) is not None:
        return False
    raise ConflictError(
        f"{file.name} in the bucket is another than in the folder: is this the bucket of another "
        f"repository? (--force replaces it)"
    )


def _is_same(file: LocalFile, found: BucketObject, bucket: Bucket) -> bool:
    if file.size_bytes != found.size_bytes:
        return False
    if found.etag.strip('"') == file.etag:
        return True
    # Stores that encrypt have other tags.
    small = file.size_bytes <= _SMALL_MOST_BYTES
    return small and bucket.read_whole(file.name, _SMALL_MOST_BYTES) == file.content()


def _order(file: LocalFile) -> tuple[bool, bool, bool, str]:
    is_metadata = file.name.startswith("metadata/")
    return file.name == _TIMESTAMP, is_metadata, not _ROOT.fullmatch(file.name), file.name


def _check_sent(upload: Upload, bucket: Bucket) -> None:
    sizes = {
        found.name: found.size_bytes for top in ("targets", "metadata") for found in bucket.objects(top)
    }
    for file in upload.files:
        if file.name != _TIMESTAMP and sizes.get(file.name) != file.size_bytes:
            raise PublishedFolderError(f"{file.name} did not stay in the bucket: run it again")
