"""TUF metadata on disk: read strictly, written compactly, named by role."""

import hashlib
from pathlib import Path
from typing import Final, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    TOP_LEVEL_ROLE_NAMES,
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    Targets,
    Timestamp,
)

from ota_client.errors import ConfigError
from signing.errors import RepositoryFileError

TOP_LEVEL_ROLES: Final = frozenset(TOP_LEVEL_ROLE_NAMES)
ONLINE_ROLES: Final = ("snapshot", "timestamp")

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)


def parse(data: bytes, kind: type[S], where: str) -> Metadata[S]:
    """Read the metadata of a role.

    Raises:
        RepositoryFileError: it is no metadata, or of another kind.
    """
    try:
        metadata: Metadata[S] = Metadata.from_bytes(data)
    except RepositoryError as e:
        raise RepositoryFileError(
            f"{where}: expected {kind.type} metadata, got {e.__cause__ or e}"
        ) from e
    if not isinstance(metadata.signed, kind):
        raise RepositoryFileError(f"{where}: expected {kind.type}, got {metadata.signed.type} metadata")
    return metadata


def read(path: Path, kind: type[S]) -> Metadata[S]:
    """Read a metadata file; raises as ``parse`` does."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise RepositoryFileError(f"{path}: expected {kind.type} metadata, got: {e.strerror}") from e
    return parse(data, kind, str(path))


def digest(metadata: Metadata[Root] | Metadata[Targets]) -> str:
    """The sha256 of what is signed, without the signatures."""
    return hashlib.sha256(metadata.signed_bytes).hexdigest()


def meta_file(version: int, data: bytes) -> MetaFile:
    """How snapshot and timestamp list a file: always by version, length and sha256 (A12, A30)."""
    return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})


def delegated(targets: Targets) -> dict[str, DelegatedRole]:
    """The products' roles, by product."""
    roles = targets.delegations.roles if targets.delegations else None
    return dict(roles or {})


def delegate(targets: Targets, role: DelegatedRole) -> None:
    """Give a product its role."""
    if targets.delegations is None or targets.delegations.roles is None:
        targets.delegations = Delegations({}, {})
    if targets.delegations.roles is not None:
        targets.delegations.roles[role.name] = role


def hardware_ids(role: DelegatedRole) -> tuple[str, ...]:
    """The hardware ids that the targets role registers for a product."""
    return tuple(map(str, role.unrecognized_fields.get("x-hardware-ids", ())))


def role_in(delegator: Root | Targets, role: str) -> Role:
    """A role's keys and threshold, as its delegator has them.

    Raises:
        ConfigError: there is no such role.
    """
    try:
        return delegator.get_delegated_role(role)
    except ValueError as e:
        raise ConfigError(
            f"role {role}: expected root, targets, snapshot, timestamp or a product"
        ) from e


def keys_of(delegator: Root | Targets, role: str) -> list[Key]:
    """The public keys of a role."""
    return [delegator.get_key(key_id) for key_id in role_in(delegator, role).keyids]


def product_names(snapshot: Snapshot) -> list[str]:
    """The products that a snapshot lists."""
    names = (file.removesuffix(".json") for file in snapshot.meta)
    return sorted(name for name in names if name not in TOP_LEVEL_ROLES)
