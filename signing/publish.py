"""What is staged and signed becomes public: all of it at once, after devices have tried it."""

from dataclasses import dataclass
from datetime import datetime

from signing.errors import NothingToDoError
from signing.publication import tree_files
from signing.publication.candidate import make_candidate
from signing.publication.destination import Destination
from signing.publication.gate import act_as_devices
from signing.repository import Repository
from signing.storage.published import PublishedState


@dataclass(frozen=True, slots=True)
class Publication:
    """What was made public.

    Attributes:
        versions: of all roles.
        signed_roles: the roles that people had signed for it.
    """

    versions: dict[str, int]
    signed_roles: tuple[str, ...]


def publish(
    repository: Repository, *, now: datetime, to: Destination | None = None, dry_run: bool = False
) -> Publication:
    """Make public what is staged.

    Args:
        repository: the folder.
        now: the time that signatures and expiries count from.
        to: where else to publish, such as a web server's folder.
        dry_run: check everything, as devices too, and change nothing.

    Raises:
        NothingToDoError: nothing is staged, and ``to`` is not given.
        SignaturesMissingError: a role is below its threshold.
        GateError: a device would refuse it.
        DestinationError: ``to`` holds something newer or unrelated.
        DestinationFileError: ``to`` cannot be written; all else is done.
        ServerError: the update server ``to`` refuses it, or does not answer.
    """
    with repository.lock():
        published = repository.published()
        staged = _staged_roles(repository, published)
        if staged:
            return go_live(repository, published, staged, now=now, to=to, dry_run=dry_run)
        if published is None or to is None:
            raise NothingToDoError("nothing is staged, so there is nothing to publish")
        to.check(published)
        if not dry_run:
            to.deploy(published)
        return Publication(published.versions, ())


def go_live(
    repository: Repository,
    published: PublishedState | None,
    staged: tuple[str, ...],
    *,
    now: datetime,
    to: Destination | None = None,
    dry_run: bool = False,
) -> Publication:
    """Sign the online roles, try the result as devices do, and swap it in; see ``publish``."""
    # 1. thresholds; snapshot and timestamp
    candidate = make_candidate(repository, published, staged_roles=staged, now=now)
    publication = Publication(candidate.versions, staged)
    with repository.live.candidate() as tree:
        # 2. the whole tree, beside the live one
        tree_files.place_metadata(tree, candidate, published)
        tree_files.place_targets(repository, tree, candidate, published)
        # 3. what devices say to it, and what lies at the destination
        act_as_devices(tree, candidate, published, now=now)
        if to is not None:
            to.check(PublishedState(tree))
        if dry_run:
            return publication
        # 4. one rename makes it public
        repository.live.swap(tree)
    if staged:
        repository.clear_staged()
    live = repository.published()
    if live is not None and to is not None:
        to.deploy(live)
    return publication


def _staged_roles(repository: Repository, published: PublishedState | None) -> tuple[str, ...]:
    """The staged roles, without those that went public just before the power failed."""
    roles = repository.staged_roles()
    if published is not None:
        for role in roles:
            same = published.versions.get(role) == repository.staged_role(role).signed.version
            if same and published.raw(role) == repository.staged_path(role).read_bytes():
                repository.staged_path(role).unlink()
    return tuple(repository.staged_roles())
