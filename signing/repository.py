"""The repository folder on disk: what is published, and what is staged to follow it."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from securesystemslib.signer import SecretsHandler
from tuf.api.metadata import Metadata, Root, Targets

from ota_client.errors import ConfigError
from signing import policy
from signing.errors import RepositoryBusyError, RepositoryFileError
from signing.keys import KeyFolder
from signing.storage import metadata
from signing.storage.files import write_new, write_over
from signing.storage.live_tree import LiveTree
from signing.storage.metadata import S
from signing.storage.published import PublishedState

_STAGED: Final = "staged"

# what people sign; the online roles are made by publish.py
E = TypeVar("E", Root, Targets)


class Repository:
    """A repository folder. All changes stage first; ``publish`` alone makes them public.

    Args:
        folder: made by ``Repository.create``.
        secrets: asked for passphrases; its argument says of what.
        notice: told what a person should know, such as signatures that were dropped.

    Raises:
        ConfigError: ``folder`` is no repository folder, or its policy is wrong.
    """

    def __init__(
        self, folder: Path, *, secrets: SecretsHandler, notice: Callable[[str], None] = lambda _: None
    ) -> None:
        if not (folder / policy.FILE).is_file():
            raise ConfigError(
                f"{folder}: expected a repository folder (made by `ota-sign init`), got none; --repo or "
                "OTA_SIGN_REPO names it"
            )
        self.folder = folder
        self.policy = policy.read_policy(folder / policy.FILE)
        self.keys = KeyFolder(folder / self.policy.keys_dir, secrets)
        self.live = LiveTree(folder / "published")
        self.notice = notice
        self._lock_depth = 0

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        secrets: SecretsHandler,
        notice: Callable[[str], None] = lambda _: None,
    ) -> "Repository":
        """Make a repository folder and stage its first root and targets, without keys.

        Raises:
            ConfigError: the folder holds files already.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(f"{folder}: expected a new or empty folder, got one with files in it")
        folder.mkdir(parents=True, exist_ok=True)
        write_new(folder / policy.FILE, policy.TEMPLATE.encode())
        repository = cls(folder, secrets=secrets, notice=notice)
        with repository.edit("root", Root, now), repository.edit("targets", Targets, now):
            return repository

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other people's ``ota-sign`` off the folder (C11).

        Raises:
            RepositoryBusyError: somebody else holds the lock.
        """
        if self._lock_depth == 0:
            self._lock_file = (self.folder / ".lock").open("a")
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as e:
                self._lock_file.close()
                raise RepositoryBusyError(
                    f"{self.folder}: another ota-sign works on it now; try again when it is done"
                ) from e
        self._lock_depth += 1
        try:
            yield
        finally:
            self._lock_depth -= 1
            if self._lock_depth == 0:
                self._lock_file.close()

    @property
    def staged_dir(self) -> Path:
        """Where the next versions and their files wait."""
        return self.folder / _STAGED

    def staged_path(self, role: str) -> Path:
        """The file of a role's next version, with the signatures collected so far."""
        return self.staged_dir / "metadata" / f"{role}.json"

    def published(self) -> PublishedState | None:
        """What is published now; none before the first time."""
        tree = self.live.current()
        return PublishedState(tree) if tree else None

    def staged_roles(self) -> list[str]:
        """The roles with a next version, delegators first."""
        folder = self.staged_dir / "metadata"
        found = {path.stem for path in folder.glob("*.json")} if folder.is_dir() else set()
        return [r for r in ("root", "targets") if r in found] + sorted(found - {"root", "targets"})

    def staged(self, role: str, kind: type[S]) -> Metadata[S] | None:
        """A role's next version; none if nothing of it is staged."""
        path = self.staged_path(role)
        return metadata.read(path, kind) if path.is_file() else None

    def staged_role(self, role: str) -> Metadata[Root] | Metadata[Targets]:
        """A staged role of either kind; raises ConfigError if nothing of it is staged."""
        found = self.staged(role, Root) if role == "root" else self.staged(role, Targets)
        if found is None:
            raise ConfigError(f"role {role}: expected something staged, got nothing")
        return found

    def current(self, role: str, kind: type[S]) -> Metadata[S]:
        """A role as it is staged, or else as it is published.

        Raises:
            RepositoryFileError: it is neither.
        """
        found = self.staged(role, kind)
        if found is None:
            published = self.published()
            found = published.load(role, kind) if published else None
        if found is None:
            raise RepositoryFileError(f"role {role}: expected it staged or published, got neither")
        return found

    def delegator(self, role: str) -> Root | Targets:
        """The metadata that gives ``role`` its keys, as it is staged or else published."""
        if role in metadata.TOP_LEVEL_ROLES:
            return self.current("root", Root).signed
        return self.current("targets", Targets).signed

    @contextmanager
    def edit(self, role: str, kind: type[E], now: datetime) -> Iterator[E]:
        """Change a role's next version; signatures collected on the old content are dropped.

        The version follows on the published one, the expiry comes from the policy.
        """
        with self.lock():
            staged = self.staged(role, kind) or self._next_version(role, kind)
            yield staged.signed
            dropped = len(staged.signatures)
            staged.signatures.clear()
            staged.signed.expires = (now + self.policy.validity(role)).replace(microsecond=0)
            self.write_staged(role, staged)
            if dropped:
                self.notice(
                    f"{role}: its content changed, so {dropped} collected signature(s) were dropped; "
                    "review and sign again"
                )

    def _next_version(self, role: str, kind: type[E]) -> Metadata[E]:
        published = self.published()
        found = published.load(role, kind) if published else None
        if found is None:
            return Metadata(kind())
        found.signed.version += 1
        found.signatures.clear()
        return found

    def write_staged(self, role: str, staged: Metadata[Root] | Metadata[Targets]) -> None:
        """Store a role's next version."""
        path = self.staged_path(role)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_over(path, staged.to_bytes())

    def target_file(self, path: str) -> Path:
        """A target file by its hash-prefixed path: staged, or else published.

        Raises:
            RepositoryFileError: it is neither.
        """
        for folder in (self.staged_dir, self.live.link):
            found = folder / "targets" / path
            if found.is_file():
                return found
        raise RepositoryFileError(f"{path}: expected it staged or published, got neither")

    def read_target(self, path: str, sha256: str) -> bytes:
        """A small target file, checked against its hash.

        Raises:
            RepositoryFileError: it is missing, or not the file that the metadata lists.
        """
        data = self.target_file(path).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise RepositoryFileError(f"{path}: expected the file that the metadata lists, got another")
        return data

    def clear_staged(self) -> None:
        """Empty the stage: what was there is public, or unwanted."""
        shutil.rmtree(self.staged_dir, ignore_errors=True)
