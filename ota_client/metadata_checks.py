"""What python-tuf leaves open for firmware, checked on metadata whose signatures already hold.

These are decisions without I/O; ``trust.py`` calls them, in its order.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from tuf.api.metadata import (
    Key,
    Metadata,
    Role,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from ota_client.errors import (
    DuplicateKeyError,
    ExpiredError,
    MetadataError,
    RootChainError,
    UnknownReleaseError,
    WeakHashError,
)
from ota_client.formats.strict import is_name, parse_time
from ota_client.rollback import KEY_ID_LONGEST, ROLE_KEYS_MOST, ROLE_VERSION_MOST, RoleFloor

ROOT_CHAIN_MOST: Final = 256
# Whatever length a stolen online key lists: metadata is read into memory whole (A15).
METADATA_MOST_BYTES: Final = 16 * 1024 * 1024
_STRONG_HASHES: Final = frozenset({"sha256", "sha512"})


def check_root_chain(pinned_root: bytes, root: Root) -> None:
    """Refuse a root chain that python-tuf stopped walking before its end (A25)."""
    pinned = Metadata[Root].from_bytes(pinned_root).signed.version
    if root.version - pinned >= ROOT_CHAIN_MOST:
        raise RootChainError(
            f"expected fewer than {ROOT_CHAIN_MOST} roots after the pinned version {pinned}, got "
            f"{root.version - pinned}; embed a newer root.json in the firmware"
        )


def check_delegation(targets: Targets, product: str) -> str:
    """Refuse delegations in which another role is asked before the product's, or after it (A21, A26).

    Returns:
        A path whose search visits the product's role, right after ``targets``, and no other.
    """
    delegations, path = targets.delegations, f"{product}/channels/none.json"
    role = (delegations.roles or {}).get(product) if delegations else None
    if delegations is None or role is None:
        raise UnknownReleaseError(f"expected a delegated role for product {product}, got none")
    if role.paths != [f"{product}/*/*"] or not role.terminating:
        raise MetadataError(
            f"role {product}: expected it to end the search of {product}/*/*, got {role.paths}"
        )
    first, _ = next(delegations.get_roles_for_target(path))
    if first != product or path in targets.targets:
        raise MetadataError(
            f"role {product}: expected it to be the first for {product}/*/*, got {first[:80]!r}"
        )
    return path


def check_keys(root: Root, targets: Targets, product: str) -> None:
    """Refuse a role in which one public key stands under two key ids (A04)."""
    for name, role in root.roles.items():
        _check_unique(name, role, root.keys)
    if targets.delegations and targets.delegations.roles:
        _check_unique(product, targets.delegations.roles[product], targets.delegations.keys)


def _check_unique(role: str, named: Role, known: dict[str, Key]) -> None:
    # an id without a key is no vote to python-tuf either
    keys = [known[key_id] for key_id in named.keyids if key_id in known]
    if len({public_bytes(key) for key in keys}) != len(keys):
        raise DuplicateKeyError(
            f"role {role}: expected {len(keys)} different public keys, got one under two key ids"
        )


def public_bytes(key: Key) -> bytes:
    """The key itself, however it was written down: upper case, line ends, point compression."""
    public = str(key.keyval.get("public", ""))
    try:
        if key.keytype == "ed25519":
            return bytes.fromhex(public)
        return load_pem_public_key(public.encode()).public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
    except (ValueError, UnsupportedAlgorithm):
        # a key that this device cannot use signs nothing either; others may
        return public.encode()


def check_hashes(timestamp: Timestamp, snapshot: Snapshot) -> None:
    """Refuse metadata files that are pinned by md5 or sha1 only, or not at all (A30)."""
    files = {"snapshot.json": timestamp.snapshot_meta, **snapshot.meta}
    for name, file in files.items():
        if not _STRONG_HASHES.intersection(file.hashes or {}):
            raise WeakHashError(f"{name}: expected a sha256 or sha512 in the metadata that lists it")


def signed_at(timestamp: Timestamp) -> datetime:
    """When the timestamp was signed, by its own word: the time for devices without a clock (A09)."""
    text = timestamp.unrecognized_fields.get("signed_at")
    try:
        signed_at = parse_time(str(text))
    except ValueError as e:
        raise MetadataError(f"timestamp: signed_at: {e}") from e
    if signed_at > timestamp.expires:
        # a far future would make all later metadata look expired (A11)
        raise MetadataError(f"timestamp: expected signed_at before its expiry, got {text}")
    return signed_at


def role_floors(
    signed: dict[str, Signed], root: Root, targets: Targets, product: str
) -> dict[str, RoleFloor]:
    """What the device is to remember of each role."""
    key_ids = {name: role.keyids for name, role in root.roles.items()}
    if targets.delegations and targets.delegations.roles:
        key_ids[product] = targets.delegations.roles[product].keyids
    return {name: _role_floor(name, role.version, key_ids[name]) for name, role in signed.items()}


def _role_floor(role: str, version: int, key_ids: Sequence[object]) -> RoleFloor:
    if type(version) is not int or version > ROLE_VERSION_MOST:
        # remembered, it would be a state that no later start can read (A13); true is 1 to python-tuf
        raise MetadataError(
            f"role {role}: expected a version of at most {ROLE_VERSION_MOST}, got {str(version)[:40]}"
        )
    ids = sorted(text for text in key_ids if isinstance(text, str) and len(text) <= KEY_ID_LONGEST)
    if len(key_ids) > ROLE_KEYS_MOST or len(ids) != len(key_ids):
        raise MetadataError(
            f"role {role}: expected at most {ROLE_KEYS_MOST} keys, with ids of at most {KEY_ID_LONGEST} "
            f"characters, got {len(key_ids)} keys"
        )
    return RoleFloor(version, tuple(ids))


def check_expiry(expires_at: dict[str, datetime], now: datetime) -> None:
    """Refuse what has expired at ``now`` (A08, A09)."""
    for role, moment in expires_at.items():
        if moment <= now:
            raise ExpiredError(
                f"role {role}: expected metadata valid at {now.isoformat()}, got one that expired at "
                f"{moment.isoformat()}; the mirror is frozen, or nobody refreshes the repository"
            )


def own_targets(product: str, releases: Targets) -> dict[str, TargetFile]:
    """The role's files, all of them below its own product.

    python-tuf checks paths on its way to a role; what the role lists is ours to check (A21, A27).
    """
    own: dict[str, TargetFile] = {}
    for path, target in releases.targets.items():
        folder, *rest = path.split("/")
        if folder != product or len(rest) != len(("version", "file")) or not all(map(is_name, rest)):
            raise MetadataError(f"role {product}: expected paths {product}/*/*, got {path[:80]!r}")
        own[path] = target
    return own
