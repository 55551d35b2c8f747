"""Which files a published state is made of: what its timestamp leads to, and nothing else (B11)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from ota_client.errors import VerificationError
from ota_client.metadata_checks import own_targets
from ota_server.catalog import METADATA_MOST_BYTES, TIMESTAMP, SmallFiles
from ota_server.errors import NotPublishedError, UploadRefusedError

T = TypeVar("T", Root, Snapshot, Targets, Timestamp)

# A device accepts no more in one walk.
_ROOTS_MOST: Final = 1024


@dataclass(frozen=True, slots=True)
class State:
    """What a state's metadata names.

    Attributes:
        versions: of every role.
        targets: the files below ``targets/``, by the name under which they are served.
        products: the product of each of these.
        metadata: the files below ``metadata/``.
    """

    versions: Mapping[str, int]
    targets: Mapping[str, TargetFile]
    products: Mapping[str, str]
    metadata: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """All files."""
        return self.metadata | frozenset(self.targets)


def state_of(files: SmallFiles) -> State:
    """Read a state's metadata. Signatures are not checked here.

    Raises:
        NotPublishedError: a metadata file is missing.
        UploadRefusedError: a file is not what names it, or names what it must not.
        PublishedFolderError: the files cannot be read.
    """
    timestamp = _read(files, TIMESTAMP, Timestamp)
    metadata = {TIMESTAMP}
    versions = {"timestamp": timestamp.version, "snapshot": timestamp.snapshot_meta.version}
    snapshot_name = f"metadata/{timestamp.snapshot_meta.version}.snapshot.json"
    snapshot = _read(files, snapshot_name, Snapshot)
    metadata.add(snapshot_name)
    targets: dict[str, TargetFile] = {}
    products: dict[str, str] = {}
    top: Targets | None = None
    for file, meta in sorted(snapshot.meta.items(), key=lambda item: item[0] != "targets.json"):
        role, name = file.removesuffix(".json"), f"metadata/{meta.version}.{file}"
        content = _read(files, name, Targets)
        metadata.add(name)
        versions[role] = meta.version
        if role == "targets":
            top = content
            _check_top(content)
            continue
        _check_delegated(top, role)
        for served, target in _served(role, content):
            targets[served], products[served] = target, role
    roots = list(_roots(files))
    versions["root"] = len(roots)
    return State(versions, targets, products, frozenset({*metadata, *roots}))


def root_name(root: bytes) -> str:
    """Under which name a root is published.

    Raises:
        UploadRefusedError: it is no root.
    """
    return f"metadata/{_parsed(root, 'the trusted root', Root).version}.root.json"


def _roots(files: SmallFiles) -> Iterator[str]:
    """All since the first: a device with any of them walks on from there."""
    for version in range(1, _ROOTS_MOST):
        name = f"metadata/{version}.root.json"
        try:
            found = _read(files, name, Root)
        except NotPublishedError:
            return
        if found.version != version:
            raise UploadRefusedError(f"{name}: expected root {version}, got {found.version}")
        yield name


def _check_top(top: Targets) -> None:
    if top.targets:
        raise UploadRefusedError("role targets: expected delegations alone, got files of its own")


def _check_delegated(top: Targets | None, role: str) -> None:
    roles = top.delegations.roles if top and top.delegations else None
    if role not in (roles or ()):
        raise UploadRefusedError(f"role {role[:80]}: expected a product's role, got one of nobody's")


def _served(product: str, role: Targets) -> Iterator[tuple[str, TargetFile]]:
    """The names of a role's files with consistent snapshots (TUF, section 6.2)."""
    try:
        own = own_targets(product, role)
    except VerificationError as e:
        raise UploadRefusedError(str(e)) from e
    for path, target in own.items():
        folder, _, name = path.rpartition("/")
        for digest in target.hashes.values():
            yield f"targets/{folder}/{digest}.{name}", target


def _read(files: SmallFiles, name: str, role: type[T]) -> T:
    return _parsed(files.read_small(name, METADATA_MOST_BYTES), name, role)


def _parsed(content: bytes, name: str, role: type[T]) -> T:
    try:
        signed = Metadata[T].from_bytes(content).signed
    except (DeserializationError, RepositoryError) as e:
        raise UploadRefusedError(f"{name}: expected a TUF {role.type}, got something else") from e
    if not isinstance(signed, role):
        raise UploadRefusedError(f"{name}: expected a TUF {role.type}, got a {signed.type}")
    return signed
