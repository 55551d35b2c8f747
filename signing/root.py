"""The key ceremony: which keys speak for which role, and how many of them it takes."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import SecretsHandler
from tuf.api.metadata import Key, Role, Root, Targets

from ota_client.errors import ConfigError
from ota_client.metadata_checks import public_bytes
from signing.errors import KeyTwiceError, NothingToDoError, RuleError
from signing.repository import Repository
from signing.storage import metadata


def create_repository(
    folder: Path,
    *,
    now: datetime,
    secrets: SecretsHandler,
    with_keys: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> Repository:
    """Make a repository folder and stage its first root and targets; all of it or nothing.

    Args:
        folder: new or empty.
        now: the time that the expiries count from.
        secrets: asked for passphrases.
        with_keys: make one Ed25519 key for each top-level role.
        notice: see ``Repository``.

    Raises:
        ConfigError: the folder holds files already, or there is no passphrase.
    """
    repository = Repository.create(folder, now=now, secrets=secrets, notice=notice)
    try:
        for role in ("root", "targets", "snapshot", "timestamp") if with_keys else ():
            repository.keys.generate(role)
            add_key(repository, role, role, now=now)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return repository


def add_key(repository: Repository, role: str, key_name: str, *, now: datetime) -> None:
    """Stage one more key for a role.

    Args:
        repository: the folder.
        role: root, targets, snapshot, timestamp or a product.
        key_name: of a key in the key folder.
        now: the time that the new expiry counts from.

    Raises:
        ConfigError: there is no such role or key.
        KeyTwiceError: the role has this public key already (A04).
    """
    key = repository.keys.read(key_name).key
    with _edit(repository, role, now) as delegator:
        check_new_key(key, metadata.keys_of(delegator, role), role)
        delegator.add_key(key, role)


def remove_key(repository: Repository, role: str, key_name: str, *, now: datetime) -> None:
    """Stage a role without one of its keys; raises as ``add_key``, and RuleError below the threshold."""
    with _edit(repository, role, now) as delegator:
        key_id = _key_id(repository, delegator, role, key_name)
        delegator.revoke_key(key_id, role)
        _check_reachable(metadata.role_in(delegator, role), role)


def set_threshold(repository: Repository, role: str, threshold: int, *, now: datetime) -> None:
    """Stage how many keys must sign a role.

    Raises:
        ConfigError: there is no such role.
        NothingToDoError: it is so already.
        RuleError: the role has fewer keys.
    """
    with _edit(repository, role, now) as delegator:
        found = metadata.role_in(delegator, role)
        if found.threshold == threshold:
            raise NothingToDoError(f"role {role}: the threshold is {threshold} already")
        found.threshold = threshold
        _check_reachable(found, role)


def rotate(repository: Repository, role: str, old: str, new: str, *, now: datetime) -> None:
    """Stage one key in the place of another; raises as ``add_key``."""
    key = repository.keys.read(new).key
    with _edit(repository, role, now) as delegator:
        check_new_key(key, metadata.keys_of(delegator, role), role)
        key_id = _key_id(repository, delegator, role, old)
        delegator.add_key(key, role)
        delegator.revoke_key(key_id, role)


def renew(repository: Repository, role: str, *, now: datetime) -> None:
    """Stage a role as it is, with a new expiry.

    Raises:
        ConfigError: snapshot and timestamp are renewed by ``refresh``; or there is no such role.
    """
    if role in metadata.ONLINE_ROLES:
        raise ConfigError(f"role {role}: expected root, targets or a product; `refresh` renews {role}")
    metadata.role_in(repository.delegator(role), role)
    with repository.lock():
        if role == "root":
            with repository.edit(role, Root, now):
                return
        with repository.edit(role, Targets, now):
            return


def check_new_key(key: Key, others: list[Key], role: str) -> None:
    """Refuse a public key that a role has already, under whatever id (A04)."""
    if public_bytes(key) in {public_bytes(other) for other in others}:
        raise KeyTwiceError(f"role {role}: expected another public key, got one that it has already")


@contextmanager
def _edit(repository: Repository, role: str, now: datetime) -> Iterator[Root | Targets]:
    """Change the keys of a role where they stand: in root, or for a product in targets."""
    with repository.lock():
        if role in metadata.TOP_LEVEL_ROLES:
            with repository.edit("root", Root, now) as root:
                yield root
        else:
            metadata.role_in(repository.delegator(role), role)
            with repository.edit("targets", Targets, now) as targets:
                yield targets
        _renew_if_unsigned(repository, role, now)


def _renew_if_unsigned(repository: Repository, role: str, now: datetime) -> None:
    """New keys may leave a published role short of signatures: then it must be signed again."""
    published = repository.published()
    if published is None or role in ("root", *metadata.ONLINE_ROLES) or repository.staged(role, Targets):
        return
    found = published.load(role, Targets)
    if found is None:
        return
    delegator = repository.delegator(role)
    if not delegator.get_verification_result(role, found.signed_bytes, found.signatures):
        renew(repository, role, now=now)
        repository.notice(f"{role}: its keys changed, so its metadata is staged to be signed again")


def _key_id(repository: Repository, delegator: Root | Targets, role: str, name: str) -> str:
    """A role's key by its name here, or by the head of its id: its file may be lost."""
    names = repository.keys.by_id()
    key_ids = metadata.role_in(delegator, role).keyids
    found = [k for k in key_ids if names.get(k) == name] or [k for k in key_ids if k.startswith(name)]
    if len(found) != 1:
        known = ", ".join(names.get(key_id, key_id[:12]) for key_id in key_ids) or "none"
        raise ConfigError(f"role {role}: expected one of its keys ({known}), got {name!r}")
    return found[0]


def _check_reachable(role: Role, name: str) -> None:
    if not 1 <= role.threshold <= len(role.keyids):
        raise RuleError(
            f"role {name}: expected a threshold from 1 to its {len(role.keyids)} key(s), got "
            f"{role.threshold}; add keys or lower the threshold first"
        )
