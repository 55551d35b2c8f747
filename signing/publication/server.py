"""Publishing to an update server: it says what it has not, gets that, verifies it all, and serves it.

docs/reference/uploads.md has the protocol. Broken anywhere, the next try goes on where this one ended.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from tuf.api.metadata import Targets

from ota_client.errors import ConfigError, FetchError, VerificationError
from ota_client.formats.strict import canonical_json
from ota_client.metadata_checks import own_targets
from signing.errors import (
    RepositoryFileError,
    ServerError,
    ServerUnreachableError,
)
from signing.publication.server_line import ServerLine
from signing.storage.metadata import TOP_LEVEL_ROLES
from signing.storage.published import PublishedState

_UPLOADS: Final = "/api/v1/uploads"
_PIECE_LEAST_BYTES: Final = 64 * 1024
_PIECE_MOST_BYTES: Final = 4 * 1024 * 1024
# the server hangs up after 20 s over one piece: a slow line gets smaller ones, a quick one larger
_PIECE_QUICK_S: Final = 1.0
_PIECE_SLOW_S: Final = 5.0
# to verify and to bring it into a bucket may take long
_COMMIT_S: Final = 900.0
_ATTEMPTS: Final = 5
_FILES_MOST: Final = 20_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the published state."""

    name: str
    path: Path
    size_bytes: int
    sha256: str

    def to_fields(self) -> dict[str, object]:
        return {"name": self.name, "size_bytes": self.size_bytes, "sha256": self.sha256}


class ServerDestination:
    """An update server that serves what it is sent, once its own device's eyes have seen it.

    Args:
        line: the way to it.
        progress: told the bytes done and the bytes in all.
        clock: monotonic seconds.
        sleep: waits so many seconds, between attempts.
    """

    def __init__(
        self,
        line: ServerLine,
        *,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._line = line
        self._progress = progress
        self._clock, self._sleep = clock, sleep
        self._piece_bytes = _PIECE_LEAST_BYTES * 4
        self._sent_bytes = 0

    def check(self, source: PublishedState) -> None:
        """Ask whether it would take the names; see ``Destination``."""
        self._line.request("POST", f"{_UPLOADS}?dry_run=true", _list(files_of(source)))

    def deploy(self, source: PublishedState) -> None:
        """Send what is missing and have it served; see ``Destination``."""
        files = files_of(source)
        attempts, sent_bytes = 0, -1
        while True:
            try:
                self._upload(files)
            except ServerUnreachableError as e:
                attempts = attempts + 1 if self._sent_bytes == sent_bytes else 1
                sent_bytes = self._sent_bytes
                if attempts == _ATTEMPTS:
                    raise type(e)(f"{e}; {_AGAIN}") from e
                self._line.close()
                self._piece_bytes = max(_PIECE_LEAST_BYTES, self._piece_bytes // 2)
                self._sleep(2.0 ** (attempts - 1))
            except ServerError as e:
                raise type(e)(f"{e}; {_AGAIN}") from e
            else:
                return

    def _upload(self, files: list[_File]) -> None:
        upload_id, is_published, missing = self._begin(files)
        if is_published:
            return
        total_bytes = sum(file.size_bytes for file, _ in missing)
        done_bytes = 0
        for file, offset in missing:
            done_bytes += offset
            for size_bytes in self._send(upload_id, file, offset):
                done_bytes += size_bytes
                if self._progress:
                    self._progress(done_bytes, total_bytes)
        self._line.request("POST", f"{_UPLOADS}/{upload_id}/commit", timeout_s=_COMMIT_S)

    def _begin(self, files: list[_File]) -> tuple[str, bool, list[tuple[_File, int]]]:
        by_content = {file.sha256: file for file in files}
        answer = self._line.request("POST", _UPLOADS, _list(files))
        try:
            upload_id, is_published = answer.sha256("id"), answer.flag("published")
            missing = [
                (by_content[one.sha256("sha256")], one.integer("offset"))
                for one in answer.tables("missing", most=_FILES_MOST)
            ]
        except (FetchError, KeyError) as e:
            raise ServerError(f"{self._line.url}: expected an upload's begin, got another answer") from e
        return upload_id, is_published, missing

    def _send(self, upload_id: str, file: _File, offset: int) -> Iterator[int]:
        address = f"{_UPLOADS}/{upload_id}/files/{file.sha256}"
        with _opened(file) as opened:
            opened.seek(offset)
            # an empty file is one empty piece
            while offset < file.size_bytes or not file.size_bytes:
                piece = opened.read(min(self._piece_bytes, file.size_bytes - offset))
                if not piece and file.size_bytes:
                    raise RepositoryFileError(f"{file.path}: it became shorter while it was sent")
                began_s = self._clock()
                self._line.request("PUT", f"{address}?offset={offset}", piece)
                self._adapt(self._clock() - began_s)
                offset += len(piece)
                self._sent_bytes += len(piece)
                yield len(piece)
                if not piece:
                    return

    def _adapt(self, took_s: float) -> None:
        if took_s < _PIECE_QUICK_S:
            self._piece_bytes = min(_PIECE_MOST_BYTES, self._piece_bytes * 2)
        elif took_s > _PIECE_SLOW_S:
            self._piece_bytes = max(_PIECE_LEAST_BYTES, self._piece_bytes // 2)


_AGAIN: Final = (
    "the repository's own `published` is up to date, but not the server: run `publish --to` again"
)


def files_of(source: PublishedState) -> list[_File]:
    """What the newest metadata names, and nothing else.

    Raises:
        RepositoryFileError: a file is missing.
    """
    names = ["timestamp.json", *(f"{version}.root.json" for version in source.root_versions())]
    names += [f"{version}.{role}.json" for role, version in source.versions.items()]
    metadata = {name for name in names if not name.endswith(".timestamp.json")}
    files = [_hashed(source, f"metadata/{name}") for name in sorted(metadata)]
    for role in source.versions:
        if role not in TOP_LEVEL_ROLES:
            files += _targets(source, role)
    return files


def _targets(source: PublishedState, product: str) -> Iterator[_File]:
    found = source.load(product, Targets)
    try:
        own = own_targets(product, found.signed) if found else {}
    except VerificationError as e:
        raise RepositoryFileError(str(e)) from e
    for path, target in own.items():
        folder, _, name = path.rpartition("/")
        sha256 = target.hashes["sha256"]
        stored = f"targets/{folder}/{sha256}.{name}"
        yield _File(stored, source.tree / stored, target.length, sha256)


def _hashed(source: PublishedState, name: str) -> _File:
    path = source.tree / name
    try:
        content = path.read_bytes()
    except OSError as e:
        raise RepositoryFileError(f"{path}: {e.strerror}") from e
    return _File(name, path, len(content), hashlib.sha256(content).hexdigest())


def _list(files: list[_File]) -> bytes:
    if len(files) > _FILES_MOST:
        raise ConfigError(f"expected at most {_FILES_MOST} published files, got {len(files)}")
    return canonical_json({"files": [file.to_fields() for file in files]})


def _opened(file: _File) -> BinaryIO:
    try:
        return file.path.open("rb")
    except OSError as e:
        raise RepositoryFileError(f"{file.path}: {e.strerror}") from e
