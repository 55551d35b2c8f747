"""Fresh signatures of the online keys, so that devices know that nothing is withheld (A08)."""

from datetime import datetime

from ota_client.errors import ConfigError
from signing.errors import NothingToDoError
from signing.publication.destination import Destination
from signing.publish import Publication, go_live
from signing.repository import Repository
from signing.storage.published import PublishedState


def refresh(
    repository: Repository, *, now: datetime, to: Destination | None = None, if_due: bool = False
) -> Publication:
    """Sign the timestamp anew, and the snapshot if half of its validity is over; leave staged alone.

    Args:
        repository: the folder.
        now: the time that the new expiries count from.
        to: where else to publish.
        if_due: only if half of a validity is over; for a timer.

    Raises:
        ConfigError: nothing is published yet.
        NothingToDoError: ``if_due``, and nothing is.
        GateError: a device would refuse it; the root has expired, say.
    """
    with repository.lock():
        published = repository.published()
        if published is None:
            raise ConfigError(
                f"{repository.folder}: expected something published, got nothing; `publish`"
            )
        if if_due and not is_due(repository, published, now):
            left = published.timestamp.signed.expires - now
            raise NothingToDoError(f"nothing due: the timestamp is valid for {left.days} more days")
        return go_live(repository, published, (), now=now, to=to)


def is_due(repository: Repository, published: PublishedState, now: datetime) -> bool:
    """Whether the timestamp or the snapshot has used up half of its validity."""
    expiries = {
        "timestamp": published.timestamp.signed.expires,
        "snapshot": published.snapshot.signed.expires,
    }
    policy = repository.policy
    return any(policy.is_due(role, expires_at=at, now=now) for role, at in expiries.items())
