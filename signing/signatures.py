"""How many of the needed signatures a role has; TUF's own verification counts (5.3.4, 5.6.3)."""

from dataclasses import dataclass

from securesystemslib.signer import Signature
from tuf.api.metadata import Root, VerificationResult

from signing.repository import Repository
from signing.storage import metadata
from signing.storage.published import check_follows


@dataclass(frozen=True, slots=True)
class Count:
    """Signatures by one set of keys.

    Attributes:
        keys: what the keys are called: ``keys``, or ``previous keys`` for a root's predecessor.
        signed_by: ids of the keys that have signed.
        missing_from: names of the keys that have not.
    """

    keys: str
    signed_by: tuple[str, ...]
    threshold: int
    missing_from: tuple[str, ...]

    @property
    def signed(self) -> int:
        """How many keys have signed."""
        return len(self.signed_by)


@dataclass(frozen=True, slots=True)
class SignatureCount:
    """The signatures on a role's next version. A root also needs those of the root before it."""

    role: str
    counts: tuple[Count, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every threshold is reached."""
        return all(count.signed >= count.threshold for count in self.counts)

    def __str__(self) -> str:
        first, *more = self.counts
        text = f"{self.role}: {first.signed} of {first.threshold} signatures"
        for count in more:
            text += f", and {count.signed} of {count.threshold} by the {count.keys}"
        missing = sorted({name for count in self.counts for name in count.missing_from})
        if not self.is_complete:
            text += f"; not signed yet: {', '.join(missing) or 'the role has no keys'}"
        return text


def count_signatures(repository: Repository, role: str) -> SignatureCount:
    """Count the valid signatures on a staged role.

    Raises:
        StaleStageError: it does not follow on what is published.
    """
    staged = repository.staged_role(role)
    check_follows(repository.published(), role, staged.signed.version)
    if isinstance(staged.signed, Root):
        return _count_root(repository, staged.signed, staged.signed_bytes, staged.signatures)
    result = repository.delegator(role).get_verification_result(
        role, staged.signed_bytes, staged.signatures
    )
    return SignatureCount(role, (_count(repository, "keys", result),))


def may_sign(repository: Repository, role: str) -> set[str]:
    """The ids of the keys whose signatures count on a staged role."""
    key_ids = set(metadata.role_in(repository.delegator(role), role).keyids)
    previous = previous_root(repository)
    if role == "root" and previous is not None:
        key_ids.update(previous.roles["root"].keyids)
    return key_ids


def previous_root(repository: Repository) -> Root | None:
    """The root that is published now."""
    published = repository.published()
    return published.root.signed if published else None


def _count_root(
    repository: Repository, root: Root, payload: bytes, signatures: dict[str, Signature]
) -> SignatureCount:
    previous = previous_root(repository)
    result = root.get_root_verification_result(previous, payload, signatures)
    # python-tuf: the predecessor's verdict comes first
    counts = [_count(repository, "keys", result.second)]
    if previous is not None and previous.roles["root"] != root.roles["root"]:
        counts.append(_count(repository, "previous keys", result.first))
    return SignatureCount("root", tuple(counts))


def _count(repository: Repository, keys: str, result: VerificationResult) -> Count:
    names = repository.keys.by_id()
    missing = tuple(sorted(names.get(key_id, key_id[:12]) for key_id in result.unsigned))
    return Count(keys, tuple(result.signed), result.threshold, missing)
