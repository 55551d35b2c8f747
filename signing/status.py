"""Where the repository stands: versions, days left, staged signatures."""

from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Targets

from signing.repository import Repository
from signing.signatures import count_signatures
from signing.storage import metadata
from signing.storage.published import PublishedState


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """One role.

    Attributes:
        version: published; 0 if none is.
        expires_at: of the published version, UTC.
        days_left: whole days until then; negative once it has expired.
        warning: whether it should be renewed soon, by the policy.
        keys: names of the keys that may sign it, as staged or else published.
        staged_version: 0 if nothing is staged.
        signatures: on the staged version, in words.
    """

    role: str
    version: int
    expires_at: datetime | None
    days_left: int | None
    warning: bool
    keys: tuple[str, ...]
    threshold: int
    staged_version: int
    signatures: str


def status(repository: Repository, *, now: datetime) -> list[RoleStatus]:
    """The state of every role, delegators first."""
    published = repository.published()
    staged = repository.staged_roles()
    targets = repository.current("targets", Targets).signed
    roles = ["root", "targets", *metadata.delegated(targets), "snapshot", "timestamp"]
    return [_status(repository, published, role, role in staged, now) for role in roles]


def _status(
    repository: Repository, published: PublishedState | None, role: str, staged: bool, now: datetime
) -> RoleStatus:
    live = published.role(role) if published else None
    delegator = repository.delegator(role)
    found = metadata.role_in(delegator, role)
    names = repository.keys.by_id()
    return RoleStatus(
        role,
        live.version if live else 0,
        live.expires if live else None,
        (live.expires - now).days if live else None,
        live is not None and repository.policy.warns(role, expires_at=live.expires, now=now),
        tuple(names.get(key_id, key_id[:12]) for key_id in found.keyids),
        found.threshold,
        repository.staged_role(role).signed.version if staged else 0,
        str(count_signatures(repository, role)) if staged else "",
    )
