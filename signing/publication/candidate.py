"""The next published state: staged roles that have their signatures, and fresh online metadata."""

from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from ota_client.formats.strict import format_time
from signing.errors import RepositoryFileError, SignaturesMissingError
from signing.repository import Repository
from signing.signatures import count_signatures
from signing.storage import metadata
from signing.storage.metadata import S
from signing.storage.published import PublishedState


@dataclass(frozen=True, slots=True)
class Candidate:
    """What would be made public.

    Attributes:
        files: the new metadata files, by name.
        versions: of all roles.
        products: the content of each product's role.
        changed: the roles that people signed anew.
    """

    files: dict[str, bytes]
    versions: dict[str, int]
    products: dict[str, Targets]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where each role comes from: what is staged, or else what is published."""

    repository: Repository
    published: PublishedState | None
    staged: tuple[str, ...]
    now: datetime

    def load(self, role: str, kind: type[S]) -> tuple[Metadata[S], bytes]:
        if role in self.staged:
            data = self.repository.staged_path(role).read_bytes()
        elif self.published is not None and role in self.published.versions:
            data = self.published.raw(role)
        else:
            raise RepositoryFileError(f"role {role}: expected it staged or published, got neither")
        return metadata.parse(data, kind, role), data


def make_candidate(
    repository: Repository,
    published: PublishedState | None,
    *,
    staged_roles: tuple[str, ...],
    now: datetime,
) -> Candidate:
    """Check all thresholds; sign a new timestamp and, if something changed or it is due, a snapshot.

    Raises:
        SignaturesMissingError: a role is below its threshold, or an online key is not here.
        StaleStageError: a staged role does not follow on the published one.
        PassphraseError: an online key stays shut.
    """
    source = _Source(repository, published, staged_roles, now.replace(microsecond=0))
    _check_thresholds(source)
    root, root_bytes = source.load("root", Root)
    targets, targets_bytes = source.load("targets", Targets)
    _check_still_signed(source, root.signed, "targets", targets)
    loaded = {"targets": (targets, targets_bytes)}
    for product in metadata.delegated(targets.signed):
        loaded[product] = source.load(product, Targets)
        _check_still_signed(source, targets.signed, product, loaded[product][0])
    files = {
        f"{role}.json": metadata.meta_file(found.signed.version, data)
        for role, (found, data) in loaded.items()
    }
    snapshot, snapshot_bytes = _snapshot(source, root.signed, files)
    timestamp, timestamp_bytes = _timestamp(source, root.signed, snapshot, snapshot_bytes)
    versions = {role: found.signed.version for role, (found, _) in loaded.items()}
    versions |= {"root": root.signed.version, "snapshot": snapshot, "timestamp": timestamp}
    new = {role: data for role, (_, data) in loaded.items() if role in staged_roles}
    new |= {"root": root_bytes, "snapshot": snapshot_bytes}
    return Candidate(
        {f"{versions[role]}.{role}.json": data for role, data in new.items()}
        | {"timestamp.json": timestamp_bytes},
        versions,
        {role: found.signed for role, (found, _) in loaded.items() if role != "targets"},
        staged_roles,
    )


def _check_thresholds(source: _Source) -> None:
    counts = [count_signatures(source.repository, role) for role in source.staged]
    short = [str(count) for count in counts if not count.is_complete]
    if short:
        raise SignaturesMissingError(f"expected all thresholds reached, got {'; '.join(short)}")


def _check_still_signed(
    source: _Source, delegator: Root | Targets, role: str, found: Metadata[Targets]
) -> None:
    """New keys may have left a role that is not staged short of signatures."""
    if role in source.staged:
        return
    if not delegator.get_verification_result(role, found.signed_bytes, found.signatures):
        raise SignaturesMissingError(
            f"{role}: expected enough signatures by its present keys, got too few; `renew {role}` "
            "stages it to be signed again"
        )


def _snapshot(source: _Source, root: Root, files: dict[str, MetaFile]) -> tuple[int, bytes]:
    """The snapshot as it is if it still serves, or else its next version."""
    published = source.published
    version = 1
    if published is not None:
        old = published.snapshot
        version = old.signed.version + 1
        due = source.repository.policy.is_due("snapshot", expires_at=old.signed.expires, now=source.now)
        signed = root.get_verification_result("snapshot", old.signed_bytes, old.signatures)
        if old.signed.meta == files and signed and not due:
            return old.signed.version, published.raw("snapshot")
    return version, _sign_online(source, root, "snapshot", Snapshot(version=version, meta=files))


def _timestamp(source: _Source, root: Root, snapshot: int, data: bytes) -> tuple[int, bytes]:
    version = 1 + (source.published.versions["timestamp"] if source.published else 0)
    signed = Timestamp(
        version=version,
        snapshot_meta=metadata.meta_file(snapshot, data),
        # devices without a clock learn the time from it (A09)
        unrecognized_fields={"signed_at": format_time(source.now)},
    )
    return version, _sign_online(source, root, "timestamp", signed)


def _sign_online(source: _Source, root: Root, role: str, signed: S) -> bytes:
    signed.expires = source.now + source.repository.policy.validity(role)
    found = Metadata(signed)
    keys = source.repository.keys
    named = {key.key.keyid: key for key in keys.all() if key.is_local}
    usable = [named[key_id] for key_id in root.roles[role].keyids if key_id in named]
    threshold = root.roles[role].threshold
    if len(usable) < threshold:
        raise SignaturesMissingError(
            f"{role}: expected the private half of {threshold} of its keys here, got {len(usable)} "
            f"({_names(root.roles[role].keyids, keys.by_id())})"
        )
    for key in usable[:threshold]:
        found.sign(keys.signer(key), append=True)
    return found.to_bytes()


def _names(key_ids: list[str], names: dict[str, str]) -> str:
    return ", ".join(names.get(key_id, key_id[:12]) for key_id in key_ids) or "the role has no keys"
