"""The published files in a bucket.

Nothing is overwritten there but ``timestamp.json`` (docs/adr/0020-files-in-s3.md): what has the hash
that its name says is right for ever, and kept in memory while there is room.
"""

import asyncio
import hashlib
import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ota_server.errors import NotPublishedError, PublishedFolderError
from ota_server.files.bucket import Bucket, BucketObject
from ota_server.files.name import is_immutable, is_payload, parts_of, sha256_in
from ota_server.files.recent import Recent

_TIMESTAMP: Final = "metadata/timestamp.json"
_ROOT: Final = re.compile(r"metadata/[1-9][0-9]*\.root\.json", re.ASCII)
# No repository gets there: asked for to see that what is missing is said to be missing.
_NEVER_THERE: Final = f"metadata/{10**17}.root.json"

_KEPT_MOST_BYTES: Final = 64 * 1024 * 1024
# Also how much of a payload is asked for at once: a region of a payload has no more.
_WHOLE_MOST_BYTES: Final = 1024 * 1024
_CHANGING_S: Final = 1
# What should never change, which cannot be seen here.
_UNPROVEN_S: Final = 60
# Every device asks for the next root at each check, and mostly there is none.
_NO_ROOT_S: Final = 5
_ADDRESS_VALID: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class S3File:
    """An object as it was found; nothing is open.

    Attributes:
        tag: changes with the content: its sha256 where that is known, or a hash of the store's own tag.
    """

    tag: str
    _found: BucketObject
    _content: bytes | None
    _bucket: Bucket
    _elsewhere: bool

    @property
    def size_bytes(self) -> int:
        """Exact."""
        return self._found.size_bytes

    @property
    def modified_s(self) -> float:
        """When it was uploaded, seconds since 1970."""
        return self._found.modified_s

    async def read(self, start: int, most_bytes: int) -> bytes:
        """Read from ``start``, a MiB at most: no slow device holds one of the store's connections.

        Raises:
            PublishedFolderError: the bucket cannot be read.
        """
        stop = start + min(most_bytes, _WHOLE_MOST_BYTES)
        if self._content is not None:
            return self._content[start:stop]
        try:
            return await self._bucket.read(self._found, start, stop)
        except NotPublishedError as e:
            raise PublishedFolderError("a published file was removed while it was read") from e

    async def address(self) -> str | None:
        """The object's own address, signed, if devices are to read it from the store."""
        if not self._elsewhere:
            return None
        return await self._bucket.signed_address(self._found.name, _ADDRESS_VALID)

    def close(self) -> None:
        """Nothing is open."""


class S3Store:
    """The files of a bucket.

    Args:
        bucket: where they lie.
        clock: monotonic seconds.
    """

    def __init__(self, bucket: Bucket, clock: Callable[[], float] = time.monotonic) -> None:
        self._bucket = bucket
        # False where there is no such file
        self._kept: Recent[S3File | bool] = Recent(_KEPT_MOST_BYTES, clock)
        self._underway: dict[str, asyncio.Task[S3File | bool]] = {}

    async def open(self, name: str) -> S3File:
        """Find ``metadata/...`` or ``targets/...``.

        Raises:
            NotPublishedError: there is no such file.
            PublishedFolderError: the bucket cannot be read.
        """
        parts_of(name)
        kept = self._kept.get(name)
        file = await self._found_once(name) if kept is None else kept
        if isinstance(file, bool):
            raise NotPublishedError(f"{name} is not published")
        return file

    async def check(self) -> None:
        """Make sure that a repository can be served.

        Raises:
            NotPublishedError: there is no timestamp, so no repository.
            PublishedFolderError: the bucket cannot be read, or does not say that a file is missing.
        """
        await self.open(_TIMESTAMP)
        with suppress(NotPublishedError):
            try:
                await self.open(_NEVER_THERE)
            except PublishedFolderError as e:
                raise PublishedFolderError(
                    "a missing file looks forbidden: the credentials need the right s3:ListBucket"
                ) from e

    def read_small(self, name: str, most_bytes: int) -> bytes:
        """Read a whole file, in a thread that may wait.

        Raises:
            NotPublishedError: there is no such file.
            PublishedFolderError: it cannot be read, or has more than ``most_bytes``.
        """
        parts_of(name)
        return self._bucket.read_whole(name, most_bytes)

    async def _found_once(self, name: str) -> S3File | bool:
        """Ask the bucket, together with all who ask for the same at the same time."""
        task = self._underway.get(name)
        if task is None:
            task = asyncio.create_task(self._find(name))
            self._underway[name] = task
            task.add_done_callback(lambda _: self._underway.pop(name))
        return await asyncio.shield(task)

    async def _find(self, name: str) -> S3File | bool:
        try:
            found, content = await self._bucket.look(name, _WHOLE_MOST_BYTES)
        except NotPublishedError:
            # Of roots alone: what a new timestamp names must be found at once.
            if _ROOT.fullmatch(name):
                self._kept.put(name, value=False, size_bytes=0, lifetime_s=_NO_ROOT_S)
            return False
        file = S3File(_tag(found, content), found, content, self._bucket, self._is_elsewhere(found))
        self._kept.put(name, file, len(content or b""), _lifetime_s(name, content))
        return file

    def _is_elsewhere(self, found: BucketObject) -> bool:
        least = self._bucket.settings.redirect_from_bytes
        return least is not None and is_payload(found.name) and found.size_bytes >= least


def _lifetime_s(name: str, content: bytes | None) -> float:
    named = sha256_in(name)
    if named and content is not None:
        right = hashlib.sha256(content).hexdigest() == named
        # what is wrong may be mended at any time
        return math.inf if right else _CHANGING_S
    return _UNPROVEN_S if is_immutable(name) else _CHANGING_S


def _tag(found: BucketObject, content: bytes | None) -> str:
    if named := sha256_in(found.name):
        return named
    return hashlib.sha256(found.etag.encode() if content is None else content).hexdigest()
