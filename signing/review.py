"""What am I about to sign: staged against published, in words. ``sign`` holds people to it (C10)."""

import json
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Root, Targets

from signing.changes.keys import root_changes, targets_changes
from signing.changes.releases import product_changes
from signing.errors import NothingToDoError, RepositoryFileError
from signing.repository import Repository
from signing.storage import metadata
from signing.storage.files import write_over
from signing.storage.published import PublishedState, check_follows

_RECORD = ".reviewed.json"


@dataclass(frozen=True, slots=True)
class RoleReview:
    """What would change in one role.

    Attributes:
        published_version: 0 if it is new.
        expires_at: of the staged version, UTC.
        digest: of what would be signed.
        changes: in words, one line each; details are indented.
    """

    role: str
    published_version: int
    version: int
    expires_at: datetime
    digest: str
    changes: tuple[str, ...]


def review(repository: Repository, *, user: str) -> list[RoleReview]:
    """Compare what is staged with what is published, and note that ``user`` has seen it.

    Raises:
        NothingToDoError: nothing is staged.
        StaleStageError: what is staged does not follow on what is published (C11).
        RepositoryFileError: a staged file is not what the staged metadata says.
    """
    with repository.lock():
        roles = repository.staged_roles()
        if not roles:
            raise NothingToDoError("nothing is staged, so there is nothing to review")
        published = repository.published()
        found = [_review(repository, published, role) for role in roles]
        record = _read_record(repository)
        record[user] = {entry.role: entry.digest for entry in found}
        write_over(repository.staged_dir / _RECORD, json.dumps(record, indent=2).encode())
        return found


def reviewed_digests(repository: Repository, user: str) -> dict[str, str]:
    """What ``user`` has reviewed: digests by role."""
    return _read_record(repository).get(user, {})


def _review(repository: Repository, published: PublishedState | None, role: str) -> RoleReview:
    staged = repository.staged_role(role)
    check_follows(published, role, staged.signed.version)
    before = published.versions.get(role, 0) if published else 0
    lines = list(_changes(repository, published, role, staged.signed))
    return RoleReview(
        role,
        before,
        staged.signed.version,
        staged.signed.expires,
        metadata.digest(staged),
        tuple(lines) or ("nothing but the version and the expiry",),
    )


def _changes(
    repository: Repository, published: PublishedState | None, role: str, staged: Root | Targets
) -> list[str]:
    if isinstance(staged, Root):
        root = published.root.signed if published else Root()
        return root_changes(root, staged, repository.keys.by_id())
    found = published.load(role, Targets) if published else None
    before = found.signed if found else Targets()
    if role == "targets":
        return targets_changes(before, staged, repository.keys.by_id())
    return product_changes(repository, role, before, staged)


def _read_record(repository: Repository) -> dict[str, dict[str, str]]:
    path = repository.staged_dir / _RECORD
    try:
        record: dict[str, dict[str, str]] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as e:
        raise RepositoryFileError(
            f"{path}: expected JSON, got {e}; run `review` again after removing it"
        ) from e
    return record
