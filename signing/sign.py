"""A signature is made here, of what this person reviewed, and counted towards the threshold."""

from dataclasses import dataclass
from typing import NoReturn

from securesystemslib.signer import Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, Targets

from ota_client.errors import SigningError
from signing.errors import NothingToDoError, NotReviewedError, SignaturesMissingError
from signing.keys import NamedKey
from signing.repository import Repository
from signing.review import reviewed_digests
from signing.signatures import SignatureCount, count_signatures, may_sign
from signing.storage import metadata
from signing.storage.published import check_follows


@dataclass(frozen=True, slots=True)
class _Task:
    role: str
    staged: Metadata[Root] | Metadata[Targets]
    keys: list[NamedKey]


def sign(repository: Repository, *, user: str, key_names: tuple[str, ...] = ()) -> list[SignatureCount]:
    """Sign every staged role that the keys may sign, and that ``user`` reviewed as it is now.

    Args:
        repository: the folder.
        user: whose review counts; the operating system's user name.
        key_names: sign with these keys; by default with all whose private half is here.

    Raises:
        NothingToDoError: nothing is staged, or the keys have signed everything already.
        SignaturesMissingError: no key that may sign is here.
        NotReviewedError: something was not reviewed, or changed since (C10).
        StaleStageError: the published state moved on.
        PassphraseError: a key stays shut; nothing was signed.
    """
    with repository.lock():
        roles = repository.staged_roles()
        tasks = [task for role in roles if (task := _task(repository, role, key_names)).keys]
        if not roles:
            raise NothingToDoError("nothing is staged, so there is nothing to sign")
        if not tasks:
            _explain_no_task(repository, roles, key_names)
        reviewed = reviewed_digests(repository, user)
        for task in tasks:
            _check_reviewed(task, reviewed.get(task.role))
            check_follows(repository.published(), task.role, task.staged.signed.version)
        # all keys open, or none signs
        signers = {key.name: repository.keys.signer(key) for task in tasks for key in task.keys}
        for task in tasks:
            for key in task.keys:
                _sign(task.staged, signers[key.name], key.name)
            repository.write_staged(task.role, task.staged)
        return [count_signatures(repository, role) for role in roles]


def _task(repository: Repository, role: str, key_names: tuple[str, ...]) -> _Task:
    staged = repository.staged_role(role)
    allowed = may_sign(repository, role).difference(_valid_signers(repository, role))
    if key_names:
        candidates = [repository.keys.read(name) for name in key_names]
    else:
        candidates = [key for key in repository.keys.all() if key.is_local]
    return _Task(role, staged, [key for key in candidates if key.key.keyid in allowed])


def _valid_signers(repository: Repository, role: str) -> set[str]:
    count = count_signatures(repository, role)
    return set().union(*(part.signed_by for part in count.counts))


def _explain_no_task(repository: Repository, roles: list[str], key_names: tuple[str, ...]) -> NoReturn:
    counts = [count_signatures(repository, role) for role in roles]
    here = set(key_names) or {key.name for key in repository.keys.all() if key.is_local}
    names = ", ".join(sorted(here)) or "none"
    if all(count.is_complete for count in counts):
        raise NothingToDoError("everything staged has its signatures; `publish` makes it public")
    raise SignaturesMissingError(
        f"expected a key that may sign what is staged and has not yet, got: {names} "
        f"({'; '.join(str(count) for count in counts if not count.is_complete)})"
    )


def _check_reviewed(task: _Task, reviewed: str | None) -> None:
    if reviewed is None:
        raise NotReviewedError(f"{task.role}: expected your review of it, got none; run `review` first")
    found = metadata.digest(task.staged)
    if found != reviewed:
        raise NotReviewedError(
            f"{task.role}: expected what you reviewed (digest {reviewed[:12]}), got other content "
            f"({found[:12]}); run `review` again"
        )


def _sign(staged: Metadata[Root] | Metadata[Targets], signer: Signer, name: str) -> None:
    try:
        staged.sign(signer, append=True)
    except UnsignedMetadataError as e:
        raise SigningError(f"key {name}: signing failed: {e}") from e
