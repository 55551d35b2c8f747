"""Is a published folder whole: does it hold all that its timestamp leads to?

Lengths and hashes are compared, signatures are not checked: that is the devices' affair, and
``ota-sign verify``'s.
"""

from collections.abc import Iterator
from typing import TypeVar

from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from ota_server.errors import InvalidError, NotPublishedError
from ota_server.files.folder import PublishedFolder

T = TypeVar("T", Snapshot, Targets, Timestamp)

_METADATA_MOST_BYTES = 16 * 1024 * 1024


def check_complete(folder: PublishedFolder) -> int:
    """Follow the timestamp to all files.

    Returns:
        the timestamp's version.

    Raises:
        NotPublishedError: there is no timestamp.
        InvalidError: a file is missing, or is not what the file says that names it.
        PublishedFolderError: the folder cannot be read.
    """
    timestamp = _signed(Timestamp, folder.read_small("metadata/timestamp.json", _METADATA_MOST_BYTES))
    snapshot = _signed(Snapshot, _named(folder, "snapshot.json", timestamp.snapshot_meta))
    for name, meta in snapshot.meta.items():
        for target in _target_files(_signed(Targets, _named(folder, name, meta))):
            _check_target(folder, *target)
    return timestamp.version


def timestamp_version(content: bytes) -> int:
    """The version that a timestamp says it has; 0 if it is none."""
    try:
        return _signed(Timestamp, content).version
    except InvalidError:
        return 0


def _signed(role: type[T], content: bytes) -> T:
    try:
        signed = Metadata[T].from_bytes(content).signed
    except (DeserializationError, RepositoryError) as e:
        raise InvalidError(f"expected a TUF {role.type}, got something else") from e
    if not isinstance(signed, role):
        raise InvalidError(f"expected a TUF {role.type}, got a {signed.type}")
    return signed


def _named(folder: PublishedFolder, name: str, meta: MetaFile) -> bytes:
    path = f"metadata/{meta.version}.{name}"
    try:
        content = folder.read_small(path, _METADATA_MOST_BYTES)
        meta.verify_length_and_hashes(content)
    except NotPublishedError as e:
        raise InvalidError(f"{path} is missing: publish again") from e
    except LengthOrHashMismatchError as e:
        raise InvalidError(f"{path} is not the one that the timestamp leads to: publish again") from e
    return content


def _target_files(targets: Targets) -> Iterator[tuple[str, int]]:
    """Name and size of each file (TUF, section 6.2)."""
    for path, target in targets.targets.items():
        folder, slash, name = path.rpartition("/")
        for digest in target.hashes.values():
            yield f"targets/{folder}{slash}{digest}.{name}", target.length


def _check_target(folder: PublishedFolder, name: str, size_bytes: int) -> None:
    try:
        with folder.open_file(name) as file:
            if file.size_bytes == size_bytes:
                return
            got = f"{file.size_bytes} bytes"
    except NotPublishedError:
        got = "no file"
    raise InvalidError(f"{name}: expected {size_bytes} bytes, got {got}: publish again")
