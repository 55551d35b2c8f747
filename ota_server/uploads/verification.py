"""Would devices accept it? What an upload must be before it is served (B11).

The device's own verifier reads the uploaded files over the published ones, from the root that is trusted
now. What it does not look at is checked here: payloads, channels, and that nothing goes back.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import LengthOrHashMismatchError

from ota_client.errors import ExpiredError, PayloadError, VerificationError
from ota_client.payload import INDEX_MOST_BYTES, Index
from ota_server.catalog import FIRST_ROOT, METADATA_MOST_BYTES, TIMESTAMP, Reading, SmallFiles
from ota_server.catalog_reader import read
from ota_server.errors import (
    ConflictError,
    NotPublishedError,
    PublishedFolderError,
    UploadRefusedError,
)
from ota_server.uploads.destination import Destination
from ota_server.uploads.named import State, root_name, state_of
from ota_server.uploads.overlay import Overlay
from ota_server.uploads.staged_upload import StagedUpload

# what concerns every product: who may sign, and for which products
_SHARED: Final = ("root", "targets")


@dataclass(frozen=True, slots=True)
class Verified:
    """An upload that devices would accept.

    Attributes:
        before: what was published when it was verified; None for nothing.
        state: what it makes of it.
        staged: where its files lie, by name.
        products: whose releases change.
        is_shared: whether keys or products themselves change, which concerns all.
        root_sha256: of the root that was trusted.
    """

    before: State | None
    state: State
    staged: Mapping[str, Path]
    products: tuple[str, ...]
    is_shared: bool
    root_sha256: str

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        return {"versions": dict(self.state.versions), "products": list(self.products)}


def verify(
    upload: StagedUpload, destination: Destination, root: bytes | None, *, now: datetime
) -> Verified:
    """Look at a whole upload as devices will.

    Args:
        upload: all of it is here.
        destination: where it is to be published.
        root: the bytes of the root metadata to trust; None means the first that is published, or with
            nothing published, the upload's own.
        now: UTC.

    Raises:
        ConflictError: files are still to come, all of it is published already, or what is published is
            not whole.
        UploadRefusedError: a device would not accept it, it names other files than those that came, or
            it goes back.
        PublishedFolderError: the disk or the bucket failed.
    """
    staged = upload.staged()
    if not staged:
        raise ConflictError("all of it is published already")
    overlay = Overlay(destination, staged, frozenset(file.name for file in upload.files.files))
    before = published_state(destination)
    root = root or _first_root(overlay if before is None else destination)
    reading, state = _read_as_devices(overlay, root, now)
    _check_names(upload, state)
    if before is not None:
        _check_goes_on(before, state)
    changed = _changed(before, state)
    _check_readable(reading, changed)
    _check_channels(reading, state)
    _check_targets(state, staged, destination)
    _check_indexes(state, staged)
    shared = before is None or any(role in changed for role in _SHARED)
    products = tuple(sorted(changed - {"timestamp", "snapshot", *_SHARED}))
    return Verified(before, state, staged, products, shared, hashlib.sha256(root).hexdigest())


def _first_root(files: SmallFiles) -> bytes:
    try:
        return files.read_small(FIRST_ROOT, METADATA_MOST_BYTES)
    except NotPublishedError as e:
        raise UploadRefusedError(f"expected all that the metadata names: {e}") from e


def _read_as_devices(overlay: Overlay, root: bytes, now: datetime) -> tuple[Reading, State]:
    try:
        reading = read(overlay, root, None, now=now)
        state = state_of(overlay)
        published = overlay.read_small(root_name(root), METADATA_MOST_BYTES)
    except NotPublishedError as e:
        raise UploadRefusedError(f"expected all that the metadata names: {e}") from e
    except VerificationError as e:
        raise UploadRefusedError(f"a device would refuse it: {e} [{e.code}]") from e
    if published != root:
        # its later roots may be signed by the same online keys
        raise UploadRefusedError("expected the root that is trusted here, got another repository's")
    return reading, state


def published_state(destination: Destination) -> State | None:
    """What is published now; None for nothing.

    Raises:
        ConflictError: it is not whole.
        PublishedFolderError: it cannot be read.
    """
    try:
        destination.read_small(TIMESTAMP, METADATA_MOST_BYTES)
    except NotPublishedError:
        return None
    try:
        return state_of(destination)
    except (NotPublishedError, UploadRefusedError) as e:
        raise ConflictError(
            f"what is published now is not whole, so nothing can follow on it: {e}; mend "
            "it on the server, with `ota-sign publish --to DIR` or `ota-server upload --force`"
        ) from e


def _changed(before: State | None, state: State) -> set[str]:
    old = before.versions if before else {}
    return {role for role, version in state.versions.items() if old.get(role) != version}


def _check_names(upload: StagedUpload, state: State) -> None:
    """The list is what the metadata names: nothing is smuggled in, and nothing is left out."""
    listed = {file.name: file for file in upload.files.files}
    extra = sorted(listed.keys() - state.names)
    if extra:
        raise UploadRefusedError(f"expected files that the metadata names alone, got {extra[0]}")
    absent = sorted(state.names - listed.keys())
    if absent:
        raise UploadRefusedError(f"expected all that the metadata names, got no {absent[0]}")
    for name, target in state.targets.items():
        if listed[name].size_bytes != target.length:
            raise UploadRefusedError(
                f"{name}: expected {target.length} bytes, as signed, got {listed[name].size_bytes}"
            )


def _check_goes_on(before: State, state: State) -> None:
    """No device that has seen what is published would take it for an attack (A06)."""
    for role, version in before.versions.items():
        got = state.versions.get(role)
        if got is None or got < version:
            raise UploadRefusedError(
                f"role {role}: expected version {version} or newer, as published, got {got or 'none'}; "
                "it is an old state, or of another copy of the repository"
            )
    if state.versions["timestamp"] == before.versions["timestamp"]:
        raise UploadRefusedError(
            f"role timestamp: expected a version above {before.versions['timestamp']}, got another of "
            "the same: it is of another copy of the repository"
        )


def _check_readable(reading: Reading, changed: set[str]) -> None:
    for product, refusal in reading.refused.items():
        # one that nobody renews must not keep the others from publishing
        if product in changed or not isinstance(refusal, ExpiredError):
            raise UploadRefusedError(f"a device would refuse {product}: {refusal} [{refusal.code}]")


def _check_channels(reading: Reading, state: State) -> None:
    """A channel's manifest is that of a release of its product."""
    for name, target in state.targets.items():
        found = reading.products.get(state.products[name])
        if found is None or "/channels/" not in name:
            continue
        manifests = {release.manifest_sha256 for release in found.releases.values()}
        if target.hashes.get("sha256") not in manifests:
            raise UploadRefusedError(f"{name}: expected a release's manifest, got another file")


def _check_targets(state: State, staged: Mapping[str, Path], destination: Destination) -> None:
    sizes = destination.sizes()
    for name, target in state.targets.items():
        path = staged.get(name)
        if path is None:
            if sizes.get(name) != target.length:
                raise UploadRefusedError(f"{name}: expected it here, as published, got none: try again")
            continue
        try:
            with path.open("rb") as file:
                target.verify_length_and_hashes(file)
        except LengthOrHashMismatchError as e:
            raise UploadRefusedError(f"{name}: expected the file that was signed, got another") from e
        except OSError as e:
            raise PublishedFolderError(f"{name} cannot be read: {e.strerror}") from e


def _check_indexes(state: State, staged: Mapping[str, Path]) -> None:
    """What devices read to rebuild an image can be read (A34)."""
    for name in sorted(staged.keys() & state.targets.keys()):
        if not name.endswith(".index"):
            continue
        if state.targets[name].length > INDEX_MOST_BYTES:
            raise UploadRefusedError(f"{name}: expected {INDEX_MOST_BYTES} bytes at most, got more")
        try:
            Index.from_bytes(staged[name].read_bytes())
        except OSError as e:
            raise PublishedFolderError(f"{name} cannot be read: {e.strerror}") from e
        except PayloadError as e:
            raise UploadRefusedError(f"{name}: a device would refuse it: {e} [{e.code}]") from e
